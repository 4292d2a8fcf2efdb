package takeover

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/background"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// pause keeps us from fighting with a kube-proxy that puts back what we remove.
const pause = 5 * time.Minute

// Config is what a Takeover works with.
type Config struct {
	Wanted  bool          // what kube-proxy has left is to be removed
	Retry   time.Duration // after a removal that has failed
	Machine leftovers.Machine
	Queue   *background.Queue
	Report  Report

	// Verified reads the kernel back and tells whether it holds all that can be had.
	// It is called by the loop.
	Verified func(context.Context) bool
}

// Report is told how it goes.
type Report interface {
	Fail(action string, err error)
	Removed(things int)
	Blocked(things int)
	TakenOver()
	KubeProxy(rules, healthPort bool)
	KubeProxyAtWork(note string)
}

// Takeover is how far we have come with what kube-proxy has left. It belongs to the
// loop.
type Takeover struct {
	cfg     Config
	done    bool                // at least once
	next    time.Time           // not again before
	removed int                 // things
	stays   []leftovers.Blocked // as last said
	signs   []string            // of kube-proxy, that were left in the end

	came      []string    // signs of kube-proxy that have come since our takeover
	portTaken atomic.Bool // another process has our health check's port, which is kube-proxy's
	told      []string    // by what kube-proxy was last said to be seen
}

// New returns a Takeover that has not begun.
func New(cfg Config) *Takeover { return &Takeover{cfg: cfg} }

// Adopt puts our flag on the virtual servers of kube-proxy's ipvs mode, before
// anything is listed: they are rows then, with their real servers and
// connections, and what of them is not wanted goes the way of all rows. It has
// to come before the first address is unbound, by which they are known.
func (t *Takeover) Adopt(ctx context.Context) (any bool, err error) {
	if !t.cfg.Wanted {
		return false, nil
	}
	o, err := leftovers.Remove(ctx, t.cfg.Machine, leftovers.Adoption)
	if err != nil {
		return false, fmt.Errorf("adopt virtual servers of kube-proxy: %w", err)
	}
	for _, step := range o.Done {
		klog.InfoS("Adopted virtual servers of kube-proxy", "servers", len(step.Servers))
	}
	return len(o.Done) > 0, nil
}

// AfterPass removes what kube-proxy left behind, once all that we can have is in
// the kernel and has been read back from it: until then the old rules carry the
// traffic. It is called after a pass that left no kind of row broken.
func (t *Takeover) AfterPass(ctx context.Context) {
	if !t.cfg.Wanted || t.done || t.early() {
		return
	}
	t.scan(ctx, func(ctx context.Context, found leftovers.Found) {
		switch {
		case t.done || t.early():
		// Nothing to remove needs no proof.
		case len(found.Plan().Steps) == 0 && len(found.Unread) == 0:
			t.note(leftovers.Outcome{Found: found}, nil)
		case t.cfg.Verified(ctx):
			t.remove(ctx)
		}
	})
}

// Check is a part of reading back: things of kube-proxy's that have come since our
// takeover mean that it is at work.
func (t *Takeover) Check(ctx context.Context) {
	if !t.done {
		t.tell()
		return
	}
	t.scan(ctx, func(ctx context.Context, found leftovers.Found) {
		t.came = slices.DeleteFunc(found.Signs(), func(s string) bool { return slices.Contains(t.signs, s) })
		if len(found.Plan().Steps) > 0 && !t.early() {
			t.remove(ctx)
		}
		t.tell()
	})
}

func (t *Takeover) early() bool { return time.Now().Before(t.next) }

// scan has kube-proxy's things looked for, and then does something with what was
// found.
func (t *Takeover) scan(ctx context.Context, then func(context.Context, leftovers.Found)) {
	t.cfg.Queue.Send(ctx, background.Work{Action: "look for what kube-proxy left behind", Do: func(ctx context.Context) background.Then {
		found := t.cfg.Machine.Scan(ctx, leftovers.Takeover)
		return func(ctx context.Context) (drift map[string]int, pass bool) {
			then(ctx, found)
			return nil, false
		}
	}})
}

const removing = "remove what kube-proxy left behind"

func (t *Takeover) remove(ctx context.Context) {
	t.cfg.Queue.Send(ctx, background.Work{Action: removing, Do: func(ctx context.Context) background.Then {
		o, err := leftovers.Remove(ctx, t.cfg.Machine, leftovers.Takeover)
		return func(context.Context) (drift map[string]int, pass bool) {
			t.note(o, err)
			return nil, false
		}
	}})
}

// note says what was removed and what stays.
func (t *Takeover) note(o leftovers.Outcome, err error) {
	for _, step := range o.Done {
		klog.InfoS("Removed what kube-proxy left behind", "action", step.Action, "objects", len(step.Objects))
		t.removed += len(step.Objects)
		t.cfg.Report.Removed(len(step.Objects))
		klog.V(2).InfoS("Removed", "action", step.Action, "where", step.Where, "objects", step.Objects)
	}
	for _, s := range o.Found.Plan().Stays {
		if !slices.Contains(t.stays, s) {
			klog.InfoS("Something of kube-proxy's stays", "object", s.Object, "why", s.Holder)
		}
	}
	t.stays, t.signs = o.Found.Plan().Stays, o.Found.Signs()
	t.cfg.Report.Blocked(len(t.stays))
	if err != nil {
		t.cfg.Report.Fail(removing, err)
		t.next = time.Now().Add(t.cfg.Retry)
		return
	}
	t.cfg.Report.TakenOver()
	t.done, t.next = true, time.Now().Add(pause)
}

// Snapshot says how far it is.
func (t *Takeover) Snapshot() snapshot.Takeover {
	s := snapshot.Takeover{Enabled: t.cfg.Wanted, Done: t.done, Removed: t.removed, KubeProxy: t.told}
	for _, stay := range t.stays {
		s.Blocked = append(s.Blocked, stay.String())
	}
	return s
}
