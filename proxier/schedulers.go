package proxier

import (
	"context"
	"errors"
	"maps"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// schedulers remembers which ones Services have asked for. Planning is told of
// those that the kernel lacks.
type schedulers struct {
	there map[string]bool // asked for; whether the kernel is known to have it
}

// askForSchedulers finds out about those that the ports name, once for each.
func (p *Proxier) askForSchedulers(ctx context.Context, ports []cluster.Port) {
	for i := range ports {
		name := ports[i].Scheduler.Name
		if _, asked := p.schedulers.there[name]; name != "" && !asked {
			p.tryScheduler(ctx, name)
		}
	}
}

// askAgainForSchedulers asks for those that were not there: somebody may have
// installed them.
func (p *Proxier) askAgainForSchedulers(ctx context.Context) map[string]int {
	for name, there := range p.schedulers.there {
		if before := p.planning.Lacking[name]; !there {
			p.tryScheduler(ctx, name)
			p.again = p.again || before != p.planning.Lacking[name]
		}
	}
	return nil
}

// tryScheduler asks the kernel. Only what it denies is lacking; what those who
// look have of planning is never changed.
func (p *Proxier) tryScheduler(ctx context.Context, name string) {
	err := p.kernel.TryScheduler(ctx, name)
	p.schedulers.there[name] = err == nil
	lacking := maps.Clone(p.planning.Lacking)
	switch {
	case err == nil:
		delete(lacking, name)
	case errors.Is(err, state.ErrNoScheduler):
		lacking[name] = true
	default:
		p.fail("try a scheduler", err)
	}
	p.planning.Lacking = lacking
}
