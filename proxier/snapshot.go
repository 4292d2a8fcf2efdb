package proxier

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/telemetry"
)

// errNotBegun is all that the loop says before the first pass.
var errNotBegun = errors.New("the daemon has not begun")

// askLoop has the loop do something between two passes; errNotBegun if there has
// been none.
func (p *Proxier) askLoop(ctx context.Context, action func()) error {
	if p.progress.waitsFor() != nil {
		return errNotBegun
	}
	done := make(chan struct{})
	select {
	case p.inLoop <- func() { action(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return errors.New("the daemon works and does not come to an end")
	}
}

// few Services are given away at a time, so that a change never waits for a
// snapshot of ten thousand.
const few = 100

// Snapshot says how things stand. It may be called from any goroutine; what
// belongs to the loop, the loop is asked for. Before the first pass it says what is
// waited for.
func (p *Proxier) Snapshot(ctx context.Context, q snapshot.Question) (d snapshot.Daemon, err error) {
	if waiting := p.progress.waitsFor(); waiting != nil {
		d = p.self()
		d.Waiting = waiting
		return d, nil
	}
	var names []owner
	err = p.askLoop(ctx, func() {
		d = p.outline()
		if q.Services == snapshot.All {
			names = p.services.named()
			d.Common = state.NewRows()
			for _, common := range []owner{ranges, nodePods, draining} {
				d.Common.Add(p.tables.claimed(common))
			}
		}
	})
	if one, isOne := named(q.Services); isOne {
		names = []owner{one}
	}
	for some := range slices.Chunk(names, few) {
		if err != nil {
			break
		}
		var views []view
		err = p.askLoop(ctx, func() {
			for _, svc := range some {
				views = append(views, p.view(svc))
			}
		})
		for _, v := range views {
			if s, there := v.shown(); there {
				d.Services = append(d.Services, s)
			}
		}
	}
	return d, err
}

// named reads "shop/cart".
func named(text string) (n owner, ok bool) {
	namespace, name, ok := strings.Cut(text, "/")
	return owner{Namespace: namespace, Name: name}, ok
}

// self is what can be said whether the loop works or not.
func (p *Proxier) self() snapshot.Daemon {
	now := time.Now()
	health := p.with.Health.Report(now)
	d := snapshot.Daemon{
		Node: p.cfg.NodeName, Scheduler: p.cfg.Scheduler, Started: p.progress.started, Taken: now,
		Health: snapshot.Health{
			Ready: p.with.Health.Ready(), Healthy: health.Healthy, Reason: health.Reason, Eligible: *health.NodeEligible, Synced: health.LastUpdated,
		},
	}
	for _, f := range p.with.Kernel.Families() {
		d.Families = append(d.Families, families[f])
	}
	if why := p.with.Kernel.Unserved(); why != nil {
		d.Unserved = why.Error()
	}
	return d
}

// outline is everything but the Services.
func (p *Proxier) outline() snapshot.Daemon {
	d := p.self()
	last := p.telemetry.Last()
	d.Pass, d.Takeover = last.Pass, p.takeover.Snapshot()
	d.LeftOut, d.Known = texts(p.services.ofNode.remarks), len(p.services.named())
	for _, r := range p.node.ranges {
		d.Ranges = append(d.Ranges, r.String())
	}
	for _, t := range p.tables.inOrder() {
		row := snapshot.Table{Kind: t.Name(), Drift: last.Drift[t.Name()], Failure: last.Failures[t.Name()]}
		row.Desired, row.Observed, row.Pending = t.Size()
		d.Tables = append(d.Tables, row)
	}
	d.Remarks = slices.Clone(d.LeftOut)
	for _, s := range p.services.all {
		d.Remarks = append(d.Remarks, texts(s.remarks)...)
	}
	slices.Sort(d.Remarks)
	return d
}

func texts(remarks []cluster.Remark) (all []string) {
	for _, r := range remarks {
		all = append(all, r.String())
	}
	return all
}

// view is what the loop gives away about one Service. Objects of the API and
// what is reached from here are never written to.
type view struct {
	service service
	object  *v1.Service
	slices  []*discovery.EndpointSlice
	node    cluster.Node
	rows    state.Rows
}

func (p *Proxier) view(svc owner) view {
	v := view{service: service{name: svc}, node: p.planning.node, rows: p.tables.claimed(svc)}
	if s := p.services.all[svc]; s != nil {
		v.service = *s
	}
	v.object, v.slices = p.with.API.Service(svc)
	return v
}

// shown says of each way to reach the Service what is wanted of it.
func (v view) shown() (s snapshot.Service, there bool) {
	s = snapshot.Service{Name: v.service.name.String(), Rows: v.rows, Remarks: texts(v.service.remarks)}
	ports, _ := cluster.Ports(v.object, v.slices, v.node)
	pods := podsOf(v.slices)
	for _, f := range v.service.frontends {
		s.Frontends = append(s.Frontends, v.frontend(f, behind(ports, f), pods))
	}
	return s, v.object != nil || !s.Rows.IsZero()
}

var families = map[ipset.Family]string{ipset.IPv4: "IPv4", ipset.IPv6: "IPv6"}

func (v view) frontend(f plan.Frontend, endpoints []cluster.Endpoint, pods map[netip.Addr]string) snapshot.Frontend {
	frontend := snapshot.Frontend{
		Port: f.Port, Kind: f.Origin.String(), Server: f.Server, Of: f.Of, Policy: string(f.Policy), Owned: f.Held, Bound: f.Bound,
	}
	if f.Origin == plan.HealthPort {
		return frontend
	}
	for _, e := range endpoints {
		if e.Addr.Addr().Is4() != f.Server.Addr.Addr().Is4() {
			continue
		}
		_, chosen := v.rows.RealServers[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}]
		frontend.Endpoints = append(frontend.Endpoints, snapshot.Endpoint{
			Addr: e.Addr, Pod: pods[e.Addr.Addr()], Local: e.Local, Chosen: chosen,
			Ready: e.Ready, Serving: e.Serving, Terminating: e.Terminating,
		})
	}
	return frontend
}

// behind are the endpoints of the port that is served at f.
func behind(ports []cluster.Port, f plan.Frontend) []cluster.Endpoint {
	for _, p := range ports {
		if p.Name.Port == f.Port && p.Port == f.Number && string(p.Protocol) == f.Server.Protocol.String() {
			return p.Endpoints
		}
	}
	return nil
}

// podsOf are the names of the Pods behind endpoints, as far as slices tell:
// package watch leaves them in place of host names.
func podsOf(all []*discovery.EndpointSlice) map[netip.Addr]string {
	pods := map[netip.Addr]string{}
	for _, s := range all {
		for _, e := range s.Endpoints {
			if e.Hostname == nil {
				continue
			}
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil {
					pods[addr.Unmap()] = *e.Hostname
				}
			}
		}
	}
	return pods
}

// trafficPorts are the virtual servers of as many Services as are counted, by name.
func (p *Proxier) trafficPorts(ctx context.Context) (ports map[state.VirtualServer]telemetry.Series, left int, err error) {
	var names []owner
	if err := p.askLoop(ctx, func() { names = p.services.named() }); err != nil {
		return nil, 0, err
	}
	if limit := p.cfg.ServiceMetrics; len(names) > limit {
		names, left = names[:limit], len(names)-limit
	}
	ports = map[state.VirtualServer]telemetry.Series{}
	for some := range slices.Chunk(names, few) {
		err = p.askLoop(ctx, func() {
			for _, svc := range some {
				if s := p.services.all[svc]; s != nil {
					s.addSeries(ports)
				}
			}
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return ports, left, nil
}

// addSeries adds the series of each virtual server of s.
func (s *service) addSeries(to map[state.VirtualServer]telemetry.Series) {
	for _, f := range s.frontends {
		if f.Virtual() {
			port := cmp.Or(f.Port, strconv.Itoa(int(f.Number)))
			to[f.Server] = telemetry.Series{Namespace: s.name.Namespace, Service: s.name.Name, Port: port, Protocol: f.Server.Protocol.String()}
		}
	}
}
