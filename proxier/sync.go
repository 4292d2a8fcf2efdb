package proxier

import (
	"context"
	"errors"
	"time"
)

// sync is one pass. All claims are in before the first kernel call, so that
// the kernel never sees half a thought.
func (p *Proxier) sync(ctx context.Context) report {
	begin := time.Now()
	moved, planned := p.taken()
	looked := moved.Node || p.lookAgain
	again := looked && p.nodeMoved(ctx) || p.again
	again = (moved.Node || moved.Hosts || moved.Ranges) && p.occupiedMoved() || again
	_, servers := moved.Services[apiServer]
	guardMoved := (looked || servers || moved.Hosts) && p.guardMoved(moved.Services, planned)
	if again {
		p.again, planned = false, nil
		for svc := range p.services.all {
			if _, already := moved.Services[svc]; !already {
				moved.Services[svc] = nil
			}
		}
	}
	p.claimNetworks(moved, again || guardMoved)
	for svc, since := range moved.Services {
		p.services.moved(svc, since)
		if _, already := planned[svc]; !already {
			p.replan(ctx, svc)
		}
	}
	p.tellRemarks()
	p.drainServers(ctx, begin)
	r := newReport()
	p.growInPortions(ctx, moved.Services, r)
	p.apply(ctx, r)
	r.planned = len(moved.Services)
	r.latencies = p.settle(time.Now())
	r.took = time.Since(begin)
	p.forgetFlows(ctx)
	return r
}

// apply works off what is due: all tables grow, stage by stage, before any
// shrinks.
func (p *Proxier) apply(ctx context.Context, r report) {
	for stage := range stages {
		for _, t := range p.tables.inOrder() {
			r.add(t.Name(), t.Grow(ctx, stage))
		}
	}
	for stage := stages - 1; stage >= 0; stage-- {
		for _, t := range p.tables.onTheWayOut() {
			r.add(t.Name(), t.Shrink(ctx, stage))
		}
	}
}

// observe reads back all rows of these tables. A table that cannot be read keeps
// its belief.
func (p *Proxier) observe(ctx context.Context, all []table) (drift map[string]int, err error) {
	drift = map[string]int{}
	for _, t := range all {
		n, failed := t.Observe(ctx)
		p.noteRead(t.Name(), failed)
		p.metrics.listings.WithLabelValues(t.Name()).Inc()
		if t == p.tables.members {
			p.metrics.answers.fill(p.tables.members)
		}
		drift[t.Name()] = n
		err = errors.Join(err, failed)
	}
	return drift, err
}

// noteRead keeps whether rows of a kind could be read back: without an answer
// nothing is known of traffic.
func (p *Proxier) noteRead(kind string, err error) {
	p.metrics.failing.noteRead(kind, err, time.Now())
	p.health.Failing(p.metrics.failing.oldest())
}
