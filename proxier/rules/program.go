package rules

import (
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Config is all that programs of different nodes differ in.
type Config struct {
	Mark          uint32 `json:"mark"`                    // one bit of the packet mark: to be masqueraded
	MasqueradeAll bool   `json:"masqueradeAll,omitempty"` // masquerade all traffic to cluster addresses
	Accept        bool   `json:"accept,omitempty"`        // new connections to Services, before the host's own rules in filter INPUT
	Pods          Pods   `json:"pods"`                    // clients that keep their address on the way to cluster addresses

	AliasRanges []netip.Prefix `json:"aliasRanges,omitempty"` // where in-cluster aliases lie, at most one of each family; the usual ones otherwise
}

// Pods says how clients that are Pods of this node are told from others, one of
// three ways. The zero value: not at all.
type Pods struct {
	CIDRs     []netip.Prefix `json:"cidrs,omitempty"`     // by their address: the first network of each family
	Listed    bool           `json:"listed,omitempty"`    // by their address: the networks in the set of local Pods
	Interface string         `json:"interface,omitempty"` // by where their packets come in; a + at its end stands for any rest
}

// matches are how packets of Pods, and those of all others, are matched in one
// family; nil when they cannot be told. As long as no network is listed
// everybody is another: masqueraded answers find their way.
func (p Pods) matches(f ipset.Family) (pods, others Match) {
	switch {
	case p.Interface != "":
		return Interface{Name: p.Interface}, Interface{Name: p.Interface, Not: true}
	case p.Listed:
		return Source{In: state.LocalPods}, Source{In: state.LocalPods, Not: true}
	}
	for _, cidr := range p.CIDRs {
		if ipset.FamilyOf(cidr.Addr()) == f {
			return From{Net: cidr.Masked()}, From{Net: cidr.Masked(), Not: true}
		}
	}
	return nil, nil
}

// mayBeAfar tells whether what is matched as a Pod may be another node's: by the
// network of all Pods. Which of them are this node's, its Node object may say.
func (p Pods) mayBeAfar() bool { return !p.Listed && p.Interface == "" }

// AnswersMark is the whole mark of a packet that answers a process of the node
// and comes to a port of a Service. IPVS looks for a virtual server of the mark
// before one of the address, and the one of this mark hands the packet on to the
// node's own sockets. None of its bits are those by which kube-proxy, Calico or
// Cilium tell packets.
const AnswersMark = 0x3075

var (
	loopback4 = netip.MustParsePrefix("127.0.0.0/8")
	loopback6 = netip.MustParsePrefix("::1/128")
)

// prefix begins the names of the family's chains.
func prefix(f ipset.Family) string {
	if f == ipset.IPv6 {
		return state.Prefix6
	}
	return state.Prefix4
}

// loopback is the family's loopback network.
func loopback(f ipset.Family) netip.Prefix {
	if f == ipset.IPv6 {
		return loopback6
	}
	return loopback4
}

func to(s state.Set) Match    { return Destination{In: s} }
func notTo(s state.Set) Match { return Destination{In: s, Not: true} }

func rule(then Action, when ...Match) Rule { return Rule{If: when, Then: then} }

// For is the whole program for one family.
//
// Traffic to a Service address enters INPUT, where IPVS takes it at priority
// 98, after the filter table. Translated, it passes OUTPUT and POSTROUTING and
// never FORWARD; the answers of real servers do. Of the node's own processes
// IPVS takes it in OUTPUT, after the nat table and before the filter table.
func For(f ipset.Family, cfg Config) Program {
	name := prefix(f)
	onlyNew := []Match{State{Is: New}}
	// Who may not come in at all.
	shutOut := rule(Drop{}, to(state.Restricted), notTo(state.Allowed))
	var pass Action = Return{}
	if cfg.Accept {
		pass = Accept{}
	}
	return Program{f, []Chain{
		{Table: Mangle, Name: name + "OUTPUT", Hooks: []Hook{Output}, When: onlyNew, Rules: []Rule{
			shutOut,
			rule(Drop{}, notTo(state.Aliased), to(state.Drop)),
		}},
		// Also answers that a process of the node waits for.
		{Table: Mangle, Name: name + "ANSWERS", Hooks: []Hook{Input, Output}, When: []Match{Reply{}}, Rules: []Rule{
			rule(SetWholeMark{AnswersMark}, to(state.ServicePorts)),
			rule(SetWholeMark{AnswersMark}, to(state.NodePorts)),
		}},
		{Table: NAT, Name: name + "MARK", Hooks: []Hook{Prerouting, Output}, Rules: marks(f, cfg)},
		{Table: NAT, Name: name + "MASQUERADE", Hooks: []Hook{Postrouting}, Rules: []Rule{
			rule(Masquerade{}, to(state.Hairpin)),
			rule(Return{}, Marked{Bit: cfg.Mark, Not: true}),
			// Cleared, so that a packet that leaves through a tunnel is not
			// masqueraded a second time.
			rule(ClearMark{cfg.Mark}),
			rule(Masquerade{RandomPort: true}),
		}},
		// Only what opens a connection is looked at. What is addressed to us
		// and no Service port is refused, so that ports of the host are not
		// reachable through a Service address.
		{Table: Filter, Name: name + "FILTER", Hooks: []Hook{Input}, When: onlyNew, Rules: []Rule{
			rule(Drop{}, to(state.Drop)),
			shutOut,
			rule(pass, to(state.NodePorts)),
			rule(Return{}, notTo(state.Addresses)),
			rule(Drop{}, to(state.AliasPorts), State{Is: Translated, Not: true}),
			rule(pass, to(state.ServicePorts)),
			rule(Return{}, Ping{}),
			rule(Reject{}),
		}},
		{Table: Filter, Name: name + "FORWARD", Hooks: []Hook{Forward}, Rules: []Rule{
			rule(Accept{}, State{Is: Established}),
			rule(Accept{}, Marked{Bit: cfg.Mark}),
		}},
		// An address that is not in use is not local: it would be routed. One that
		// another program of the node has is that program's.
		{Table: Filter, Name: name + "UNUSED", Hooks: []Hook{Forward, Output}, When: onlyNew, Rules: []Rule{
			rule(Reject{}, to(state.Ranges), notTo(state.Addresses), Local{End: Dst, Not: true}),
		}},
		// The daemon itself listens on health ports, so a host that refuses by
		// default would refuse load balancers.
		{Table: Filter, Name: name + "HEALTH", Hooks: []Hook{Input}, Rules: []Rule{
			rule(Accept{}, to(state.HealthPorts)),
		}},
	}}
}

// marks says who is masqueraded, and leads those inside of the cluster to the
// in-cluster aliases.
func marks(f ipset.Family, cfg Config) []Rule {
	mark := SetMark{cfg.Mark}
	all := []Rule{
		rule(Return{}, From{Net: loopback(f)}),
		// A process of the node itself: the kernel has chosen the Service
		// address, which is local, as the source. No answer would come back.
		rule(mark, Source{In: state.Addresses}),
	}
	toAlias, node := NetMap{To: state.AliasesIn(cfg.AliasRanges).Range(loopback(f).Addr())}, Local{End: Src}
	pods, others := cfg.Pods.matches(f)
	if pods != nil && cfg.Pods.mayBeAfar() {
		// An endpoint on a third node would answer a Pod of another node past this
		// one. To a node port Pods come from anywhere; all else they find at home.
		all = append(all, rule(mark, pods, Source{In: state.LocalPods, Not: true}, to(state.NodePorts), to(state.Aliased)))
	}
	if pods != nil {
		all = append(all, rule(toAlias, pods, to(state.Aliased)))
	}
	all = append(all, rule(mark, node, to(state.Aliased)), rule(toAlias, node, to(state.Aliased)))
	// Of clients of cluster addresses all are masqueraded, those that are no
	// Pods, or, when Pods cannot be told from others, none.
	switch {
	case cfg.MasqueradeAll:
		all = append(all, rule(mark, to(state.ClusterPorts)))
	case others != nil:
		all = append(all, rule(mark, others, to(state.ClusterPorts)))
	}
	return append(all,
		rule(mark, to(state.Masquerade)),
		// Ends the nat table here, before rules of others that match by address
		// and port, kube-proxy's and those of CNI port mapping; but not before
		// the address is local and there is an endpoint to answer.
		rule(Accept{}, to(state.ServicePorts), Local{End: Dst}),
	)
}
