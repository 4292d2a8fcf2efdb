package proxier

import (
	"context"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// ahead is what has been planned before all of the cluster was known.
type ahead struct {
	moved   watch.Moved
	planned map[owner]struct{} // of what has moved
}

// awaitCluster returns when the API server's answer is whole. Informers take
// seconds to hand out the lists of a large cluster, so what has come is planned
// meanwhile. No more than that: until all is known nothing is applied.
func (p *Proxier) awaitCluster(ctx context.Context) error {
	whole := make(chan error, 1)
	go func() { whole <- p.api.WaitForSync(ctx) }()
	reached := p.reached()
	p.preplan = ahead{watch.Moved{Services: map[owner][]time.Time{}}, map[owner]struct{}{}}
	for {
		select {
		case err := <-whole:
			return err
		case <-p.changes.Wake():
			if now := p.reached(); !slices.Equal(now, reached) {
				reached = now
				if err := p.giveUp(ctx); err != nil {
					p.fail(givingUp, err)
				}
			}
			p.planAhead(ctx)
		}
	}
}

// planAhead leaves for later what would be planned twice: Services of which the
// endpoints have not come, and all while this node is not known.
func (p *Proxier) planAhead(ctx context.Context) {
	if p.api.Node() == nil || p.readNodeFirst(ctx) != nil {
		return
	}
	moved := p.changes.Take()
	p.preplan.moved.Add(moved)
	for name := range moved.Services {
		delete(p.preplan.planned, name)
		if svc, parts := p.api.Service(name); svc != nil && len(parts) > 0 {
			p.replan(ctx, name)
			p.preplan.planned[name] = struct{}{}
		}
	}
}

// taken is all that has moved since it was last taken, and what of it has been
// planned since then.
func (p *Proxier) taken() (moved watch.Moved, planned map[owner]struct{}) {
	moved, planned = p.changes.Take(), p.preplan.planned
	for name := range moved.Services {
		delete(planned, name)
	}
	moved.Add(p.preplan.moved)
	p.preplan = ahead{}
	return moved, planned
}
