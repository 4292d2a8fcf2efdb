package plan

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Frontend is one way in which a Service can be reached. It is kept as long as the
// Service is served, so it refers to no endpoint but to those in Answering.
type Frontend struct {
	Server state.VirtualServer
	Of     *state.VirtualServer // for an in-cluster alias: what it is the alias of
	Port   string               // the Service's name for its port; empty if it is the only one
	Number uint16               // of the Service's port, whatever the Server's is
	Origin Origin
	Policy cluster.Policy // which endpoints may answer
	Bound  bool           // the address is to be on our device
	Held   bool           // this Service has it, and no other

	// Answering are the real servers whose answers clients of a UDP Server get, those
	// of its alias among them: sorted, each once. Nil for other protocols, where the
	// end of a connection shows by itself.
	Answering []netip.AddrPort
}

// Virtual tells whether f is a virtual server that the Service has.
func (f *Frontend) Virtual() bool { return f.Held && f.Origin != HealthPort }

// kept is what remains of f after planning.
func (f *frontend) kept() Frontend {
	kept := Frontend{
		Server: f.Server, Port: f.Port.Name.Port, Number: f.Port.Port, Origin: f.Origin, Policy: f.Policy, Bound: f.Bind,
	}
	if f.Precedence == Alias {
		kept.Of = &state.VirtualServer{Addr: f.Of.Addr, Protocol: f.Of.Protocol}
	}
	return kept
}

// answerForAliases adds to what has an alias the real servers of the alias: clients
// inside of the cluster ask for the one and are answered by those of the other.
func answerForAliases(all []Frontend) {
	for _, alias := range all {
		if alias.Of == nil || len(alias.Answering) == 0 {
			continue
		}
		of := &all[slices.IndexFunc(all, func(f Frontend) bool { return f.Server == *alias.Of })]
		of.Answering = sorted(slices.Concat(of.Answering, alias.Answering))
	}
}

func sorted(addrs []netip.AddrPort) []netip.AddrPort {
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	return slices.Compact(addrs)
}

// Moved are the virtual servers whose flows may be answered otherwise than before: they
// have come, others answer there now, or they have been lost, which is said apart too.
func Moved(before, now []Frontend) (all, lost []state.VirtualServer) {
	if slices.EqualFunc(before, now, servesAlike) {
		return nil, nil
	}
	was := map[state.VirtualServer]*Frontend{}
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
			all = append(all, f.Server)
		}
		delete(was, f.Server)
	}
	lost = slices.Collect(maps.Keys(was))
	return append(all, lost...), lost
}

func servesAlike(a, b Frontend) bool {
	return a.Server == b.Server && a.Virtual() == b.Virtual() && slices.Equal(a.Answering, b.Answering)
}

// FillIn sets who answers, for those virtual servers that are asked for already.
func FillIn(answering map[state.VirtualServer][]netip.AddrPort, frontends []Frontend) {
	for i := range frontends {
		f := &frontends[i]
		if len(f.Answering) == 0 {
			continue
		}
		if _, asked := answering[f.Server]; asked {
			answering[f.Server] = f.Answering
		}
	}
}
