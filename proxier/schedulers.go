package proxier

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// lastSchedulerTry is the longest time between two tries of a scheduler that the
// kernel lacks: each has the kernel look for a module, while the loop waits.
const lastSchedulerTry = 10 * time.Minute

// schedulers remembers which ones Services name, and what the kernel has said of
// them, as long as one does. Planning is told of those that the kernel lacks.
type schedulers map[string]*scheduler

type scheduler struct {
	there bool          // the kernel is known to have it
	pause time.Duration // after the last try
	next  time.Time     // where it is not there: no try before
}

// noteScheduler notes what a Service with these ports names, which is the same
// for all of them, and has the kernel asked about a name that is new.
func (p *Proxier) noteScheduler(ctx context.Context, s *service, ports []cluster.Port) {
	s.scheduler = ""
	if len(ports) == 0 || ports[0].Scheduler.Name == "" {
		return
	}
	name := ports[0].Scheduler.Name
	if s.scheduler = name; p.schedulers[name] == nil {
		p.schedulers[name] = &scheduler{pause: p.cfg.SyncPeriod}
		p.tryScheduler(ctx, name)
	}
}

// askAgainForSchedulers asks for those that were not there, since somebody may
// have installed them. What no Service names any more is forgotten, but not so
// early that naming it anew would have the kernel asked more often.
func (p *Proxier) askAgainForSchedulers(ctx context.Context) map[string]int {
	now := time.Now()
	named := map[string]bool{}
	for _, s := range p.services.all {
		named[s.scheduler] = true
	}
	for name, s := range p.schedulers {
		switch {
		case now.Before(s.next):
		case !named[name]:
			delete(p.schedulers, name)
			p.lacks(name, false)
		case !s.there:
			before := p.planning.Lacking[name]
			p.tryScheduler(ctx, name)
			p.again = p.again || before != p.planning.Lacking[name]
		}
	}
	return nil
}

// tryScheduler asks the kernel. Only what it denies is lacking.
func (p *Proxier) tryScheduler(ctx context.Context, name string) {
	s := p.schedulers[name]
	err := p.kernel.TryScheduler(ctx, name)
	if s.there = err == nil; s.there {
		s.next = time.Time{}
	} else {
		s.next = time.Now().Add(s.pause)
		s.pause = min(2*s.pause, max(lastSchedulerTry, p.cfg.SyncPeriod))
	}
	switch {
	case err == nil:
		p.lacks(name, false)
	case errors.Is(err, state.ErrNoScheduler):
		p.lacks(name, true)
	default:
		p.fail("try a scheduler", err)
	}
}

// lacks tells planning. What those who look have of planning is never changed.
func (p *Proxier) lacks(name string, lacking bool) {
	if p.planning.Lacking[name] == lacking {
		return
	}
	p.planning.Lacking = maps.Clone(p.planning.Lacking)
	if lacking {
		p.planning.Lacking[name] = true
	} else {
		delete(p.planning.Lacking, name)
	}
}
