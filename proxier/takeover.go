package proxier

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// betweenTakeovers keeps us from fighting with a kube-proxy that puts back what
// we remove.
const betweenTakeovers = 5 * time.Minute

// takeover is how far we have come with what kube-proxy has left.
type takeover struct {
	done  bool                // at least once
	next  time.Time           // not again before
	stays []leftovers.Blocked // as last said
	signs []string            // of kube-proxy, that were left in the end
}

// adopt puts our flag on the virtual servers of kube-proxy's ipvs mode, before
// anything is listed: they are rows then, with their real servers and
// connections, and what of them is not wanted goes the way of all rows. It has
// to come before the first address is unbound, by which they are known.
func (p *Proxier) adopt(ctx context.Context) (any bool, err error) {
	if !p.cfg.Takeover {
		return false, nil
	}
	o, err := leftovers.Remove(ctx, p.kernel, leftovers.Adoption)
	if err != nil {
		return false, fmt.Errorf("adopt virtual servers of kube-proxy: %w", err)
	}
	for _, step := range o.Done {
		klog.InfoS("Adopted virtual servers of kube-proxy", "servers", len(step.Servers))
	}
	return len(o.Done) > 0, nil
}

// takeOver removes what kube-proxy left behind, once all that we can have is in
// the kernel and has been read back from it: until then the old rules carry the
// traffic.
func (p *Proxier) takeOver(ctx context.Context) {
	t := &p.takeover
	if !p.cfg.Takeover || t.done || time.Now().Before(t.next) || p.tables.broken() {
		return
	}
	p.lookForRemains(ctx, func(ctx context.Context, found leftovers.Found) {
		switch {
		case t.done || time.Now().Before(t.next):
		// Nothing to remove needs no proof.
		case len(found.Plan().Steps) == 0 && len(found.Unread) == 0:
			p.noteTakeover(leftovers.Outcome{Found: found}, nil)
		case p.verified(ctx):
			p.removeRemains(ctx)
		}
	})
}

// lookForKubeProxy is a part of reading back: things of kube-proxy's that have
// come since our takeover mean that it is at work.
func (p *Proxier) lookForKubeProxy(ctx context.Context) (drift map[string]int) {
	t := &p.takeover
	if !t.done {
		p.tellOfKubeProxy()
		return nil
	}
	p.lookForRemains(ctx, func(ctx context.Context, found leftovers.Found) {
		p.kubeProxy.signs = slices.DeleteFunc(found.Signs(), func(s string) bool { return slices.Contains(t.signs, s) })
		if len(found.Plan().Steps) > 0 && !time.Now().Before(t.next) {
			p.removeRemains(ctx)
		}
		p.tellOfKubeProxy()
	})
	return nil
}

// lookForRemains has kube-proxy's things looked for, and then does something with
// what was found.
func (p *Proxier) lookForRemains(ctx context.Context, then func(context.Context, leftovers.Found)) {
	p.errands.send(ctx, errand{"look for what kube-proxy left behind", func(ctx context.Context) conclusion {
		found := p.kernel.Scan(ctx, leftovers.Takeover)
		return func(ctx context.Context) (drift map[string]int, pass bool) {
			then(ctx, found)
			return nil, false
		}
	}})
}

// verified tells whether the kernel holds all that can be had, on its own word.
func (p *Proxier) verified(ctx context.Context) bool {
	if _, err := p.observe(ctx, p.tables.inKernel()); err != nil {
		p.fail("read the kernel", err)
		return false
	}
	return p.tables.whole()
}

func (p *Proxier) removeRemains(ctx context.Context) {
	p.errands.send(ctx, errand{"remove what kube-proxy left behind", func(ctx context.Context) conclusion {
		o, err := leftovers.Remove(ctx, p.kernel, leftovers.Takeover)
		return func(context.Context) (drift map[string]int, pass bool) {
			p.noteTakeover(o, err)
			return nil, false
		}
	}})
}

// noteTakeover says what was removed and what stays.
func (p *Proxier) noteTakeover(o leftovers.Outcome, err error) {
	t := &p.takeover
	for _, step := range o.Done {
		klog.InfoS("Removed what kube-proxy left behind", "action", step.Action, "objects", len(step.Objects))
		p.lastReport.removed += len(step.Objects)
		p.metrics.answers.removed.Add(float64(len(step.Objects)))
		klog.V(2).InfoS("Removed", "action", step.Action, "where", step.Where, "objects", step.Objects)
	}
	for _, s := range o.Found.Plan().Stays {
		if !slices.Contains(t.stays, s) {
			klog.InfoS("Something of kube-proxy's stays", "object", s.Object, "why", s.Holder)
		}
	}
	t.stays, t.signs = o.Found.Plan().Stays, o.Found.Signs()
	p.metrics.remains.Set(float64(len(t.stays)))
	if err != nil {
		p.fail("remove what kube-proxy left behind", err)
		t.next = time.Now().Add(p.cfg.SyncPeriod)
		return
	}
	p.metrics.answers.takenOver.Set(1)
	t.done, t.next = true, time.Now().Add(betweenTakeovers)
}
