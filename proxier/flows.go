package proxier

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// flows remembers whose flows have to be looked at: of new servers, which
// clients may have asked before they were there; and of UDP servers whose real
// servers have changed. A TCP connection whose real server has gone is reset,
// a UDP flow that nobody answers lives as long as its client sends.
type flows struct {
	servers map[owner]backends // what each Service wants now
	pending map[owner]touched  // those that have changed since they were looked at
	aliases state.Aliases
	running bool
	done    chan forgotten
}

// backends are the virtual servers of one Service, those of UDP with their real
// servers.
type backends = map[state.VirtualServer][]netip.AddrPort

// touched are virtual servers of one Service, also those that it had before.
type touched map[state.VirtualServer]struct{}

// forgotten is the outcome of one look at the kernel's flows.
type forgotten struct {
	asked   map[owner]touched
	deleted int
	took    time.Duration
	err     error
}

func newFlows(aliases state.Aliases) flows {
	return flows{aliases: aliases, servers: map[owner]backends{}, pending: map[owner]touched{}, done: make(chan forgotten, 1)}
}

// note compares what a Service wants with what it wanted before. Servers that
// it no longer wants are pending too.
func (f *flows) note(svc owner, rows state.Rows) {
	now := answering(rows, f.aliases)
	before := f.servers[svc]
	for vs := range before {
		if _, still := now[vs]; !still {
			f.mark(svc, vs)
		}
	}
	for vs, real := range now {
		if was, already := before[vs]; !already || !slices.Equal(was, real) {
			f.mark(svc, vs)
		}
	}
	if f.servers[svc] = now; len(now) == 0 {
		delete(f.servers, svc)
	}
}

func (f *flows) mark(svc owner, vs state.VirtualServer) {
	if f.pending[svc] == nil {
		f.pending[svc] = touched{}
	}
	f.pending[svc][vs] = struct{}{}
}

// answering are the servers of rows, with sorted real servers where it matters
// who answers; nil if none.
func answering(rows state.Rows, aliases state.Aliases) backends {
	if len(rows.VirtualServers) == 0 {
		return nil
	}
	servers := make(backends, len(rows.VirtualServers))
	for vs := range rows.VirtualServers {
		servers[vs] = nil
	}
	for rs := range rows.RealServers {
		if rs.VirtualServer.Protocol == state.UDP {
			servers[rs.VirtualServer] = append(servers[rs.VirtualServer], rs.Addr)
		}
	}
	for vs, real := range servers {
		// Clients inside of the cluster ask for the server and are answered
		// by those of its in-cluster alias.
		alias, _ := aliases.Of(vs)
		if _, there := rows.Members[state.Aliased.Holding(ipset.IPPort(vs.Addr, uint8(vs.Protocol)))]; there {
			real = slices.Concat(real, servers[alias])
		}
		slices.SortFunc(real, netip.AddrPort.Compare)
		servers[vs] = slices.Compact(real)
	}
	return servers
}

// forgetFlows has the flows of settled Services looked at, beside the loop:
// the kernel's table may be large. One look at a time; what comes meanwhile
// waits for the next. Who answers is what the holder of a virtual server wants
// now: it may have come to it from the Service that gave it up.
func (p *Proxier) forgetFlows(ctx context.Context) {
	f := &p.flows
	if f.running {
		return
	}
	asked := map[owner]touched{}
	all := backends{}
	for svc, servers := range f.pending {
		if p.tables.settled(svc) {
			asked[svc] = servers
			for vs := range servers {
				all[vs] = f.servers[p.ownership.Holder(vs)][vs]
			}
			delete(f.pending, svc)
		}
	}
	if len(f.pending) == 0 {
		f.pending = map[owner]touched{} // it may have room for all of the cluster
	}
	if len(all) == 0 {
		return
	}
	f.running = true
	go func() {
		begin := time.Now()
		deleted, err := p.kernel.ForgetFlows(ctx, all)
		f.done <- forgotten{asked, deleted, time.Since(begin), err}
	}()
}

// flowsForgotten ends a look and tells whether it was a success. Servers of a
// failed one are pending again.
func (p *Proxier) flowsForgotten(r forgotten) (ok bool) {
	p.flows.running = false
	p.metrics.flows(r)
	if r.err == nil {
		return true
	}
	p.fail("forget stale flows", r.err)
	for svc, servers := range r.asked {
		for vs := range servers {
			p.flows.mark(svc, vs)
		}
	}
	return false
}
