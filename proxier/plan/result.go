package plan

import (
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Ask is one Service as the cluster has it now.
type Ask struct {
	Service types.NamespacedName
	Created time.Time
	Ports   []cluster.Port   // none: the Service is gone, or is not ours to serve
	Unread  []cluster.Remark // what of its objects could not be read
}

// Result is all that planning knows of one Service. What most Services do not
// have is nil.
type Result struct {
	Rows      state.Rows
	Frontends []Frontend             // all that it asks for, in the order of precedence within the Service
	NoLocal   []Traffic              // that no endpoint here may answer, while one on another node could; each once
	Draining  drain.Service          // what it says of real servers that leave
	Remarks   []cluster.Remark       // what it asks for and does not get
	Upset     []types.NamespacedName // Services that have gained or lost something by it: they must be planned again
}

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

// Traffic is that from inside of the cluster, or from outside, of one family.
type Traffic struct {
	Internal bool
	Family   ipset.Family
}

// Service plans one Service for this node. O remembers what it asks for, so that
// the Service must be planned whenever it may have changed, and once more without
// ports when it is gone.
func Service(ask Ask, node cluster.Node, cfg Config, o *Ownership) Result {
	asked, unbound := frontendsOf(ask.Ports, node, cfg)
	upset := o.know(ask.Service, ask.Ports)
	held, more, lost := o.register(ask.Service, ask.Created, asked)
	r := Result{
		Rows:      state.NewRows(),
		Frontends: make([]Frontend, 0, len(asked)),
		Draining:  draining(held, cfg),
		Remarks:   slices.Concat(ask.Unread, unbound, lost),
		Upset:     append(upset, more...),
	}
	for i := range asked {
		f := &asked[i]
		kept := f.kept()
		if len(held) > 0 && held[0].Server == f.Server { // held is a part of asked, in its order
			held, kept.Held = held[1:], true
			kept.Answering = r.serve(f, node, cfg)
		}
		r.Frontends = append(r.Frontends, kept)
	}
	answerForAliases(r.Frontends)
	return r
}

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
