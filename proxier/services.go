package proxier

import (
	"context"
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/flows"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/schedulers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// service is all that is kept of one Service, rows apart. It goes with the
// Service, once the kernel holds nothing of it any more.
type service struct {
	name      owner
	frontends []plan.Frontend
	noLocal   []plan.Traffic
	remarks   []cluster.Remark
	scheduler string      // that it names
	causes    []time.Time // of changes that are not settled yet
}

// served tells whether the Service asks anything of this node.
func (s *service) served() bool {
	return len(s.remarks) > 0 || slices.ContainsFunc(s.frontends, func(f plan.Frontend) bool { return f.Virtual() })
}

// services are all Services, and what has to be done about those that have changed:
// what a pass costs goes with what has moved, not with how many there are.
type services struct {
	all        map[owner]*service
	ofNode     service               // what is said of this node and of no Service
	unsettled  map[*service]struct{} // the kernel may not hold yet what they ask for
	drain      *drain.Servers[owner] // real servers that leave
	flows      *flows.Stale          // flows that may not be answered any more
	schedulers *schedulers.Known     // that Services name
}

func newServices(kernel Kernel, period time.Duration, fail func(action string, err error)) services {
	return services{
		all:        map[owner]*service{},
		ofNode:     service{name: ranges},
		unsettled:  map[*service]struct{}{},
		drain:      drain.New[owner](),
		flows:      flows.New(kernel),
		schedulers: schedulers.New(kernel, period, fail),
	}
}

// of is what is kept of the Service of this name.
func (all *services) of(name owner) *service {
	s := all.all[name]
	if s == nil {
		s = &service{name: name}
		all.all[name] = s
	}
	return s
}

// named are the names of those that ask anything of this node, in order.
func (all *services) named() (names []owner) {
	for name, s := range all.all {
		if s.served() {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, byName)
	return names
}

// moved notes that the kernel may not hold what the Service asks for.
func (all *services) moved(name owner, since []time.Time) {
	s := all.of(name)
	s.causes = oldest(append(s.causes, since...))
	all.unsettled[s] = struct{}{}
}

// mostCauses are remembered of a Service that is not settled: one of which a row
// is refused for good never is, whatever its endpoints do.
const mostCauses = 100

func oldest(causes []time.Time) []time.Time { return causes[:min(len(causes), mostCauses)] }

// release forgets a Service of which nothing is to be kept.
func (all *services) release(s *service) {
	if _, unsettled := all.unsettled[s]; !unsettled && !s.served() && len(s.frontends) == 0 {
		delete(all.all, s.name)
	}
}

// settled forgets what changes of s were waiting for.
func (all *services) settled(s *service) {
	s.causes = nil
	if delete(all.unsettled, s); len(all.unsettled) == 0 {
		all.unsettled = map[*service]struct{}{} // it may have room for all of the cluster
	}
	all.release(s)
}

// remarksOn are those on one Service, or on this node.
func (all *services) remarksOn(name owner) []cluster.Remark {
	if name == all.ofNode.name {
		return all.ofNode.remarks
	}
	if s := all.all[name]; s != nil {
		return s.remarks
	}
	return nil
}

// schedulersNamed are those that any Service names.
func (all *services) schedulersNamed() map[string]bool {
	named := map[string]bool{}
	for _, s := range all.all {
		named[s.scheduler] = true
	}
	return named
}

// replan goes the whole way from a Service's name to its claims, and on to
// those whose fortune that has changed: another Service with the same external
// address may now have it, or have to let go of it.
func (p *Proxier) replan(ctx context.Context, first owner) {
	for todo := []owner{first}; len(todo) > 0; todo = todo[1:] {
		s := p.services.of(todo[0])
		object, parts := p.with.API.Service(s.name)
		ports, unread := cluster.Ports(object, parts, p.planning.node)
		p.noteScheduler(ctx, s, ports)
		ask := plan.Ask{Service: s.name, Created: created(object), Ports: ports, Unread: unread}
		r := plan.Service(ask, p.planning.node, p.planning.cfg, p.planning.ownership)
		p.take(s, r)
		todo = append(todo, r.Upset...)
	}
}

func created(svc *v1.Service) (at time.Time) {
	if svc != nil {
		at = svc.CreationTimestamp.Time
	}
	return at
}

// take claims what a Service asks for and keeps what else is known of it.
func (p *Proxier) take(s *service, r plan.Result) {
	changed, lost := plan.Moved(s.frontends, r.Frontends)
	p.noteLeaving(s.name, r, lost) // its claims are still the old ones
	p.tables.claim(s.name, r.Rows)
	p.services.flows.Mark(s.name, changed)
	p.telemetry.NoLocal(s.noLocal, r.NoLocal)
	s.frontends, s.noLocal = r.Frontends, r.NoLocal
	p.remark(s, r.Remarks)
	p.services.release(s)
}

// remark replaces the remarks on s.
func (p *Proxier) remark(s *service, now []cluster.Remark) {
	p.telemetry.Remark(s.name, s.remarks, now)
	s.remarks = now
}

// noteScheduler notes what a Service with these ports names, which is the same
// for all of them, and has the kernel asked about a name that is new.
func (p *Proxier) noteScheduler(ctx context.Context, s *service, ports []cluster.Port) {
	s.scheduler = ""
	if len(ports) > 0 {
		s.scheduler = ports[0].Scheduler.Name
	}
	if s.scheduler != "" {
		p.services.schedulers.Named(ctx, s.scheduler)
		p.planning.cfg.Lacking = p.services.schedulers.Lacking()
	}
}

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
	p.services.drain.Note(svc, r.Draining, with)
	if !slices.ContainsFunc(r.Frontends, func(f plan.Frontend) bool { return f.Held }) {
		p.services.drain.Forget(svc)
	}
}

// drainServers claims what has to stay for its connections. All claims of
// Services are in, and the kernel has not been changed yet.
func (p *Proxier) drainServers(ctx context.Context, now time.Time) {
	rows, d := p.tables.realServers, p.services.drain
	d.Settle(now, drain.World[owner]{
		Orphans: rows.Orphans(),
		Lost:    rows.Lost(draining),
		Holder:  p.servedAt,
		Held:    rows.Holds,
		Wanted:  func(rs state.RealServer) bool { return rows.WantedBeside(draining, rs) },
	})
	if ask := d.Ask(now); len(ask) > 0 {
		connections, err := p.with.Kernel.Connections(ctx, ask)
		if err != nil {
			p.telemetry.Fail("count the connections of real servers", err)
		}
		d.Counted(connections)
	}
	come, gone := d.Changed()
	weightless := make(map[state.RealServer]state.Weight, len(come))
	for _, rs := range come {
		weightless[rs] = 0
	}
	rows.Adjust(draining, gone, weightless)
	p.telemetry.Draining(d.Draining(), d.Ended())
}

// servedAt is the Service that clients of vs reach, if any.
func (p *Proxier) servedAt(vs state.VirtualServer) (owner, bool) {
	return p.planning.ownership.Holder(vs), p.tables.virtualServers.Wants(vs)
}

// wakeForDrains sets the timer for the next look at what drains.
func (p *Proxier) wakeForDrains(timer *time.Timer) {
	timer.Stop()
	if at, ok := p.services.drain.Next(); ok {
		timer.Reset(max(time.Until(at), 0))
	}
}

// forgetFlows has the flows of settled Services looked at.
func (p *Proxier) forgetFlows(ctx context.Context) {
	p.services.flows.Begin(ctx, p.tables.settled, p.answering)
}

// flowsForgotten ends a look and tells whether it was a success.
func (p *Proxier) flowsForgotten(l flows.Look) (ok bool) {
	p.services.flows.End(l)
	p.telemetry.FlowsForgotten(l.Deleted, l.Took)
	if l.Err != nil {
		p.telemetry.Fail("forget stale flows", l.Err)
	}
	return l.Err == nil
}

// answering tells who answers each of these virtual servers by now. It may have come
// to its holder from the Service that gave it up.
func (p *Proxier) answering(asked map[owner]flows.Servers) map[state.VirtualServer][]netip.AddrPort {
	all, holders := map[state.VirtualServer][]netip.AddrPort{}, map[*service]struct{}{}
	for _, servers := range asked {
		for vs := range servers {
			all[vs] = nil
			if s := p.services.all[p.planning.ownership.Holder(vs)]; s != nil {
				holders[s] = struct{}{}
			}
		}
	}
	for s := range holders {
		plan.FillIn(all, s.frontends)
	}
	return all
}
