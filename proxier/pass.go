package proxier

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/telemetry"
)

// sync is one pass. All claims are in before the first kernel call, so that
// the kernel never sees a part of what a change asks for.
func (p *Proxier) sync(ctx context.Context) telemetry.Pass {
	begin := time.Now()
	moved, planned := p.taken()
	if moved.Node || p.node.stale {
		p.readNodeAgain(ctx)
	}
	again := p.planning.again
	again = (moved.Node || moved.Hosts || moved.Ranges) && p.occupiedMoved() || again
	_, servers := moved.Services[apiServer]
	guardMoved := (moved.Node || moved.Hosts || p.node.fresh || servers) && p.guardMoved(moved.Services, planned)
	p.node.fresh = false
	if again {
		p.planning.again, planned = false, nil
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
	p.telemetry.TellRemarks(p.services.remarksOn)
	p.drainServers(ctx, begin)
	r := telemetry.NewPass()
	p.growInPortions(ctx, moved.Services, r)
	p.apply(ctx, r)
	r.Planned = len(moved.Services)
	r.Latencies = p.settle(time.Now())
	r.Took = time.Since(begin)
	p.forgetFlows(ctx)
	return r
}

// apply works off what is due: all tables grow, stage by stage, before any
// shrinks.
func (p *Proxier) apply(ctx context.Context, r telemetry.Pass) {
	for stage := range stages {
		for _, t := range p.tables.inOrder() {
			r.Add(t.Name(), t.Grow(ctx, stage))
		}
	}
	for stage := stages - 1; stage >= 0; stage-- {
		for _, t := range p.tables.onTheWayOut() {
			r.Add(t.Name(), t.Shrink(ctx, stage))
		}
	}
}

// portionServices are served together when very many have moved, as at the
// start.
const portionServices = 250

// first are the Services that everything else waits for: the API server itself
// and the cluster's DNS, by the names that installers give it.
var first = []owner{
	apiServer,
	{Namespace: "kube-system", Name: "kube-dns"},
	{Namespace: "kube-system", Name: "coredns"},
}

// growInPortions lets Services answer one portion after the other when very
// many have moved. All that they claim is known by then, so that a portion is
// no different from a pass: only who has to wait is.
func (p *Proxier) growInPortions(ctx context.Context, moved map[owner][]time.Time, r telemetry.Pass) {
	if len(moved) <= portionServices {
		return
	}
	p.grow(ctx, append([]owner{ranges, nodePods}, first...), r)
	for some := range slices.Chunk(slices.SortedFunc(maps.Keys(moved), byName), portionServices) {
		p.grow(ctx, some, r)
	}
}

func (p *Proxier) grow(ctx context.Context, services []owner, r telemetry.Pass) {
	for stage := range stages {
		for _, t := range p.tables.inOrder() {
			r.Add(t.Name(), t.GrowFor(ctx, stage, services))
		}
	}
}

func byName(a, b owner) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// settle takes the changes that have reached the kernel off the list of those that
// wait and tells how long each took.
func (p *Proxier) settle(now time.Time) (latencies []time.Duration) {
	for s := range p.services.unsettled {
		if !p.tables.settled(s.name) {
			continue
		}
		for _, at := range s.causes {
			if at.After(p.progress.started) {
				latencies = append(latencies, max(0, now.Sub(at))) // another machine's clock may be ahead
			}
		}
		p.services.settled(s)
	}
	return latencies
}

// report tells of a pass.
func (p *Proxier) report(r telemetry.Pass) {
	p.telemetry.Pass(r, shown(p.tables.inKernel()), shown([]table{p.tables.healthPorts}))
	p.with.Health.Failing(p.telemetry.Oldest())
	if !p.tables.broken() {
		p.with.Health.Synced(time.Now())
	}
}

// shown are tables as they are told of.
func shown(all []table) []telemetry.Table {
	told := make([]telemetry.Table, 0, len(all))
	for _, t := range all {
		told = append(told, t)
	}
	return told
}

// observe reads back all rows of these tables. A table that cannot be read keeps
// its belief.
func (p *Proxier) observe(ctx context.Context, all []table) (drift map[string]int, err error) {
	drift = map[string]int{}
	for _, t := range all {
		n, failed := t.Observe(ctx)
		p.noteRead(t.Name(), failed)
		p.telemetry.Listed(t.Name())
		if t == p.tables.members {
			p.telemetry.Members(p.tables.members.Each)
		}
		drift[t.Name()] = n
		err = errors.Join(err, failed)
	}
	return drift, err
}

// noteRead keeps whether rows of a kind could be read back: without an answer
// nothing is known of traffic.
func (p *Proxier) noteRead(kind string, err error) {
	p.telemetry.ReadBack(kind, err)
	p.with.Health.Failing(p.telemetry.Oldest())
}

// verified tells whether the kernel holds all that can be had, on its own word.
func (p *Proxier) verified(ctx context.Context) bool {
	if _, err := p.observe(ctx, p.tables.inKernel()); err != nil {
		p.telemetry.Fail("read the kernel", err)
		return false
	}
	return p.tables.whole()
}
