package proxier

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/node"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// Run keeps the kernel as wanted until ctx ends, and then leaves everything in
// place: traffic goes on without the daemon. What the kernel refuses is tried
// until it succeeds. What the kernel holds stays untouched until all of the
// cluster is known, but for what cuts off the API server.
func (p *Proxier) Run(ctx context.Context) error {
	if name := p.cfg.Scheduler; p.cfg.DrainTimeout > 0 && state.Schedulers[name].Refuses {
		klog.InfoS("Connections to endpoints that leave are reset at once: the scheduler refuses clients while one drains", "scheduler", name)
	}
	if !p.untilDone(ctx, "prepare the kernel", p.prepareFirst) {
		return nil // told to stop before it had begun
	}
	// While the API server's answer is on its way.
	var read time.Time
	if !p.untilDone(ctx, "read the kernel", func(ctx context.Context) error {
		read = time.Now()
		return p.readAll(ctx)
	}) {
		return nil
	}
	if !p.untilDone(ctx, givingUp, p.giveUp) {
		return nil
	}
	p.with.Health.Resting() // the API server may be away: that is no fault of this node
	p.progress.waits("the API server")
	if err := p.awaitCluster(ctx); err != nil {
		return fmt.Errorf("wait for the API server: %w", err)
	}
	if !p.untilDone(ctx, "read the node", func(ctx context.Context) error { return p.readFirst(ctx, read) }) {
		return nil
	}
	p.telemetry.Found(p.tables.held())
	p.progress.done()
	p.loop(ctx)
	p.progress.waits("its end")
	return nil
}

// prepareFirst makes what never varies. That it is not there is no drift yet.
func (p *Proxier) prepareFirst(ctx context.Context) error {
	_, err := p.with.Kernel.Prepare(ctx)
	return err
}

// readAll finds what the kernel holds.
func (p *Proxier) readAll(ctx context.Context) error {
	_, err := p.observe(ctx, p.tables.inOrder())
	return err
}

// readFirst finds what else there is, before anything is applied. What was read
// too long ago, or has been adopted since, is read again.
func (p *Proxier) readFirst(ctx context.Context, read time.Time) error {
	if err := p.readNodeFirst(ctx); err != nil {
		return err
	}
	adopted, err := p.takeover.Adopt(ctx)
	if err != nil {
		return err
	}
	if adopted || time.Since(read) > p.cfg.SyncPeriod {
		return p.readAll(ctx)
	}
	return nil
}

// untilDone tries until it succeeds; false when ctx ends before.
func (p *Proxier) untilDone(ctx context.Context, action string, do func(context.Context) error) (done bool) {
	begin := time.Now()
	p.progress.waits("this machine (" + action + ")")
	for retries := (backoff{}); ; {
		p.with.Health.Working(time.Now())
		err := do(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			p.with.Health.Failing(time.Time{}, "")
			return true
		}
		p.telemetry.Fail(action, err)
		p.progress.failed(err)
		p.with.Health.Failing(begin, action)
		p.with.Health.Resting() // what fails is no call that hangs
		select {
		case <-ctx.Done():
		case <-time.After(retries.next()):
		}
	}
}

const givingUp = "give up addresses that are not the node's to have"

// giveUp takes from the kernel what it holds at guarded addresses, before the
// cluster is known: an earlier daemon may have bound the API server's address, and
// then nothing would ever be known of it.
func (p *Proxier) giveUp(ctx context.Context) error {
	if held := p.tables.held(); held[p.tables.addresses.Name()]+held[p.tables.virtualServers.Name()] == 0 {
		return nil
	}
	machine, err := p.readMachine(ctx)
	if err != nil {
		return err
	}
	own := node.Addresses(machine)
	p.planning.cfg.Guard = p.guard(own)
	refuses := func(at state.VirtualServer) bool { return p.planning.cfg.Guard.Refuses(at, own) }
	host := func(a netip.Addr) bool { return refuses(state.VirtualServer{Addr: netip.AddrPortFrom(a, 0)}) }
	gone := p.tables.addresses.ShrinkWhere(ctx, host)
	gone = gone.Add(p.tables.virtualServers.ShrinkWhere(ctx, refuses))
	gone = gone.Add(p.tables.members.ShrinkWhere(ctx, func(m state.Member) bool { return host(m.Entry.Addr()) }))
	if gone.Deleted > 0 {
		klog.InfoS("The kernel held what no Service may have, and it was removed: traffic there is for the API server or another host", "rows", gone.Deleted)
	}
	return gone.First
}

// preplan is what has been planned before all of the cluster was known.
type preplan struct {
	moved   watch.Moved
	planned map[owner]struct{} // of what has moved
}

// awaitCluster returns when the API server's answer is whole. Informers take
// seconds to hand out the lists of a large cluster, so what has come is planned
// meanwhile. No more than that: until all is known nothing is applied.
func (p *Proxier) awaitCluster(ctx context.Context) error {
	whole := make(chan error, 1)
	go func() { whole <- p.with.API.WaitForSync(ctx) }()
	reached := p.with.APIServer()
	p.planning.pre = preplan{watch.Moved{Services: map[owner][]time.Time{}}, map[owner]struct{}{}}
	for {
		select {
		case err := <-whole:
			return err
		case <-p.with.Changes.Wake():
			if now := p.with.APIServer(); !slices.Equal(now, reached) {
				reached = now
				if err := p.giveUp(ctx); err != nil {
					p.telemetry.Fail(givingUp, err)
				}
			}
			p.preplan(ctx)
		}
	}
}

// preplan leaves for later what would be planned twice: Services of which the
// endpoints have not come, and all while this node is not known.
func (p *Proxier) preplan(ctx context.Context) {
	if p.with.API.Node() == nil || p.readNodeFirst(ctx) != nil {
		return
	}
	moved := p.with.Changes.Take()
	pre := &p.planning.pre
	pre.moved.Add(moved)
	for name := range moved.Services {
		delete(pre.planned, name)
		if svc, parts := p.with.API.Service(name); svc != nil && len(parts) > 0 {
			p.replan(ctx, name)
			pre.planned[name] = struct{}{}
		}
	}
}

// taken is all that has moved since it was last taken, and what of it has been
// planned since then.
func (p *Proxier) taken() (moved watch.Moved, planned map[owner]struct{}) {
	moved, planned = p.with.Changes.Take(), p.planning.pre.planned
	for name := range moved.Services {
		delete(planned, name)
	}
	moved.Add(p.planning.pre.moved)
	p.planning.pre = preplan{}
	return moved, planned
}

// progress is how far a daemon is that has not come to its first pass. The
// goroutine of Run writes it, and those who look read it.
type progress struct {
	started time.Time

	mu      sync.Mutex
	waiting *snapshot.Waiting // nil while the loop works
}

// waits notes what comes next.
func (pr *progress) waits(what string) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.waiting = &snapshot.Waiting{For: what, Since: time.Now()}
}

// failed notes why that has not come to an end yet.
func (pr *progress) failed(err error) {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.waiting.Failure = err.Error()
}

func (pr *progress) done() {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	pr.waiting = nil
}

// waitsFor is what the daemon waits for; nil when it works.
func (pr *progress) waitsFor() *snapshot.Waiting {
	pr.mu.Lock()
	defer pr.mu.Unlock()
	if pr.waiting == nil {
		return nil
	}
	w := *pr.waiting
	return &w
}
