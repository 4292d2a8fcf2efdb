package proxier

import (
	"context"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// draining owns the rows of real servers that stay for their connections. No
// Service has this name.
var draining = owner{Name: "draining"}

// noteLeaving tells what the Service says of real servers that leave, and which it
// had at virtual servers that it has lost. Its claims are still the old ones.
func (p *Proxier) noteLeaving(svc owner, r plan.Result, lost []state.VirtualServer) {
	var with []state.RealServer
	if len(lost) > 0 {
		for _, rs := range p.tables.realServers.Claimed(svc) {
			if slices.Contains(lost, rs.VirtualServer) {
				with = append(with, rs)
			}
		}
	}
	p.drain.Note(svc, r.Draining, with)
	if !slices.ContainsFunc(r.Frontends, func(f plan.Frontend) bool { return f.Held }) {
		p.drain.Forget(svc)
	}
}

// drainServers claims what has to stay for its connections. All claims of
// Services are in, and the kernel has not been changed yet.
func (p *Proxier) drainServers(ctx context.Context, now time.Time) {
	rows := p.tables.realServers
	p.drain.Settle(now, drain.World[owner]{
		Orphans: rows.Orphans(),
		Lost:    rows.Lost(draining),
		Holder:  p.servedAt,
		Held:    rows.Holds,
		Wanted:  func(rs state.RealServer) bool { return rows.WantedBeside(draining, rs) },
	})
	if ask := p.drain.Ask(now); len(ask) > 0 {
		connections, err := p.kernel.Connections(ctx, ask)
		if err != nil {
			p.fail("count the connections of real servers", err)
		}
		p.drain.Counted(connections)
	}
	come, gone := p.drain.Changed()
	weightless := make(map[state.RealServer]state.Weight, len(come))
	for _, rs := range come {
		weightless[rs] = 0
	}
	rows.Adjust(draining, gone, weightless)
	p.metrics.drains(p.drain.Draining(), p.drain.Ended())
}

// servedAt is the Service that clients of vs reach, if any.
func (p *Proxier) servedAt(vs state.VirtualServer) (owner, bool) {
	return p.ownership.Holder(vs), p.tables.virtualServers.Wants(vs)
}

// wakeForDrains sets the timer for the next look at what drains.
func (p *Proxier) wakeForDrains(timer *time.Timer) {
	timer.Stop()
	if at, ok := p.drain.Next(); ok {
		timer.Reset(max(time.Until(at), 0))
	}
}
