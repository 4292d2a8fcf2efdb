package proxier

import (
	"context"
	"maps"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
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

// services are all Services, and those of them with which something is to be
// done: what a pass costs goes with what has moved, not with how many there are.
type services struct {
	all       map[owner]*service
	ofNode    service                       // what is said of this node and of no Service
	unsettled map[*service]struct{}         // the kernel may not hold yet what they ask for
	replanned map[*service][]cluster.Remark // since remarks were last told: those of then
	refused   map[refusedField]int          // remarks of all Services; a field that has none any more says 0 once
	noLocal   map[plan.Traffic]int          // Services with such traffic
}

func newServices() services {
	return services{
		all:       map[owner]*service{},
		ofNode:    service{name: ranges},
		unsettled: map[*service]struct{}{},
		replanned: map[*service][]cluster.Remark{},
		refused:   map[refusedField]int{},
		noLocal:   map[plan.Traffic]int{},
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

// remark replaces the remarks on s.
func (all *services) remark(s *service, now []cluster.Remark) {
	if len(s.remarks) == 0 && len(now) == 0 {
		return
	}
	if _, already := all.replanned[s]; !already {
		all.replanned[s] = s.remarks
	}
	for _, each := range s.remarks {
		all.refused[fieldOf(each)]--
	}
	for _, each := range now {
		all.refused[fieldOf(each)]++
	}
	s.remarks = now
}

// takeNews are the remarks that were not there when remarks were last told, of
// the Services that have any.
func (all *services) takeNews() map[owner][]cluster.Remark {
	news := map[owner][]cluster.Remark{}
	for s, before := range all.replanned {
		for _, now := range s.remarks {
			if !slices.Contains(before, now) {
				news[s.name] = append(news[s.name], now)
			}
		}
	}
	all.replanned = map[*service][]cluster.Remark{}
	return news
}

// replan goes the whole way from a Service's name to its claims, and on to
// those whose fortune that has changed: another Service with the same external
// address may now have it, or have to let go of it.
func (p *Proxier) replan(ctx context.Context, first owner) {
	for todo := []owner{first}; len(todo) > 0; todo = todo[1:] {
		s := p.services.of(todo[0])
		object, parts := p.api.Service(s.name)
		ports, unread := cluster.Ports(object, parts, p.node)
		p.noteScheduler(ctx, s, ports)
		r := plan.Service(plan.Ask{Service: s.name, Created: created(object), Ports: ports, Unread: unread}, p.node, p.planning, p.ownership)
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
	changed, lost := changedServers(s.frontends, r.Frontends)
	p.noteLeaving(s.name, r, lost) // its claims are still the old ones
	p.tables.claim(s.name, r.Rows)
	p.flows.mark(s.name, changed)
	s.frontends = r.Frontends
	p.services.remark(s, r.Remarks)
	for _, t := range s.noLocal {
		p.services.noLocal[t]--
	}
	for _, t := range r.NoLocal {
		p.services.noLocal[t]++
	}
	s.noLocal = r.NoLocal
	p.services.release(s)
}

// changedServers are the virtual servers that have come, or are answered by others
// than before, or have been lost.
func changedServers(before, now []plan.Frontend) (changed, lost []state.VirtualServer) {
	if slices.EqualFunc(before, now, servesAlike) {
		return nil, nil
	}
	was := map[state.VirtualServer]*plan.Frontend{}
	for i := range before {
		if f := &before[i]; f.Virtual() {
			was[f.Server] = f
		}
	}
	for i := range now {
		f := &now[i]
		if !f.Virtual() {
			continue
		}
		if old, already := was[f.Server]; !already || !slices.Equal(old.Answering, f.Answering) {
			changed = append(changed, f.Server)
		}
		delete(was, f.Server)
	}
	lost = slices.Collect(maps.Keys(was))
	return append(changed, lost...), lost
}

func servesAlike(a, b plan.Frontend) bool {
	return a.Server == b.Server && a.Virtual() == b.Virtual() && slices.Equal(a.Answering, b.Answering)
}

// settle takes the changes that have reached the kernel off the list of those that
// wait and tells how long each took.
func (p *Proxier) settle(now time.Time) (latencies []time.Duration) {
	for s := range p.services.unsettled {
		if !p.tables.settled(s.name) {
			continue
		}
		for _, at := range s.causes {
			if at.After(p.started) {
				latencies = append(latencies, max(0, now.Sub(at))) // another machine's clock may be ahead
			}
		}
		s.causes = nil
		delete(p.services.unsettled, s)
		p.services.release(s)
	}
	if len(p.services.unsettled) == 0 {
		p.services.unsettled = map[*service]struct{}{} // it may have room for all of the cluster
	}
	return latencies
}
