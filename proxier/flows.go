package proxier

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// flows remembers whose flows have to be looked at: of new servers, which
// clients may have asked before they were there; and of UDP servers whose real
// servers have changed. A TCP connection whose real server has gone is reset,
// a UDP flow that nobody answers lives as long as its client sends.
type flows struct {
	pending map[owner]servers // those that have changed since they were looked at
	running bool
	done    chan forgotten
}

// servers are virtual servers of one Service, also those that it had before.
type servers map[state.VirtualServer]struct{}

// forgotten is the outcome of one look at the kernel's flows.
type forgotten struct {
	asked   map[owner]servers
	deleted int
	took    time.Duration
	err     error
}

func newFlows() flows {
	return flows{pending: map[owner]servers{}, done: make(chan forgotten, 1)}
}

func (f *flows) mark(svc owner, changed []state.VirtualServer) {
	if len(changed) > 0 && f.pending[svc] == nil {
		f.pending[svc] = make(servers, len(changed))
	}
	for _, vs := range changed {
		f.pending[svc][vs] = struct{}{}
	}
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
	asked := map[owner]servers{}
	for svc, servers := range f.pending {
		if p.tables.settled(svc) {
			asked[svc] = servers
			delete(f.pending, svc)
		}
	}
	if len(f.pending) == 0 {
		f.pending = map[owner]servers{} // it may have room for all of the cluster
	}
	if len(asked) == 0 {
		return
	}
	all := p.answering(asked)
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
		p.flows.mark(svc, slices.Collect(maps.Keys(servers)))
	}
	return false
}

// answering tells who answers each of these virtual servers by now. It may have come
// to its holder from the Service that gave it up.
func (p *Proxier) answering(asked map[owner]servers) map[state.VirtualServer][]netip.AddrPort {
	all, holders := map[state.VirtualServer][]netip.AddrPort{}, map[*service]struct{}{}
	for _, servers := range asked {
		for vs := range servers {
			all[vs] = nil
			if s := p.services.all[p.ownership.Holder(vs)]; s != nil {
				holders[s] = struct{}{}
			}
		}
	}
	for s := range holders {
		for i := range s.frontends {
			if f := &s.frontends[i]; len(f.Answering) > 0 {
				if _, wanted := all[f.Server]; wanted {
					all[f.Server] = f.Answering
				}
			}
		}
	}
	return all
}
