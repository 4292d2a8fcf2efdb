package proxier

import (
	"context"
	"errors"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
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
		for svc := range p.known {
			if _, already := moved.Services[svc]; !already {
				moved.Services[svc] = nil
			}
		}
	}
	p.claimNetworks(moved, again || guardMoved)
	for svc, since := range moved.Services {
		p.waiting[svc] = oldest(append(p.waiting[svc], since...))
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

// replan goes the whole way from a Service's name to its claims, and on to
// those whose fortune that has changed: another Service with the same external
// address may now have it, or have to let go of it.
func (p *Proxier) replan(ctx context.Context, first owner) {
	for todo := []owner{first}; len(todo) > 0; todo = todo[1:] {
		svc, parts := p.api.Service(todo[0])
		ports, unread := cluster.Ports(svc, parts, p.node)
		p.noteScheduler(ctx, todo[0], ports)
		frontends, unbound := plan.Frontends(ports, p.node, p.planning)
		todo = append(todo, p.ownership.Know(todo[0], ports)...)
		held, upset, lost := p.ownership.Register(todo[0], created(svc), frontends)
		p.noteLeaving(todo[0], held)
		p.note(todo[0], plan.Rows(held, p.node, p.planning), slices.Concat(unread, unbound, lost))
		todo = append(todo, upset...)
	}
}

func created(svc *v1.Service) (at time.Time) {
	if svc != nil {
		at = svc.CreationTimestamp.Time
	}
	return at
}

// note claims what a Service asks for and keeps what had to be said of it.
func (p *Proxier) note(svc owner, rows state.Rows, remarks []cluster.Remark) {
	p.tables.claim(svc, rows)
	p.flows.note(svc, rows)
	p.remote.note(svc, rows)
	if len(rows.VirtualServers) > 0 || len(remarks) > 0 {
		p.known[svc] = struct{}{}
	} else {
		delete(p.known, svc)
	}
	p.remarks.note(svc, remarks)
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

// mostCauses are remembered of a Service that is not settled: one of which a row
// is refused for good never is, whatever its endpoints do.
const mostCauses = 100

func oldest(causes []time.Time) []time.Time { return causes[:min(len(causes), mostCauses)] }

// settle takes the changes that have reached the kernel off the waiting list
// and tells how long each took.
func (p *Proxier) settle(now time.Time) (latencies []time.Duration) {
	for svc, since := range p.waiting {
		if !p.tables.settled(svc) {
			continue
		}
		delete(p.waiting, svc)
		for _, at := range since {
			if at.After(p.started) {
				latencies = append(latencies, max(0, now.Sub(at))) // another machine's clock may be ahead
			}
		}
	}
	if len(p.waiting) == 0 {
		p.waiting = map[owner][]time.Time{} // it may have room for all of the cluster
	}
	return latencies
}
