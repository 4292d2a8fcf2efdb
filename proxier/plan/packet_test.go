package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// nodeRules are those of a node that tells its Pods by these networks.
var nodeRules = rules.Config{Mark: 0x4000, Pods: rules.Pods{CIDRs: []netip.Prefix{
	netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd01::/16"),
}}}

// podsOfNode are where this node's Pods are.
var podsOfNode = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")}

// answers tells what becomes of each packet, a line such as
// "pod 10.1.0.5 -> 10.96.0.1:80/TCP". The client is a pod, afar (a Pod of another
// node), outside, or host, a
// process of the node.
func (w world) answers(rows state.Rows) (all []string) {
	for _, line := range w.packets {
		client, to, _ := strings.Cut(line, " -> ")
		kind, from, _ := strings.Cut(client, " ")
		addr, protocol, _ := strings.Cut(to, "/")
		p := rules.Packet{
			Protocol: protocols[protocol], Source: netip.MustParseAddr(from),
			Destination: netip.MustParseAddrPort(addr), FromNode: kind == "host",
		}
		all = append(all, line+": "+w.answer(rows, p))
	}
	return all
}

func (w world) answer(rows state.Rows, p rules.Packet) string {
	addr := p.Destination.Addr()
	_, bound := rows.Addresses[addr]
	if _, known := rows.Members[state.Addresses.Holding(ipset.IP(addr))]; bound != known {
		return "WRONG: bound, or in the set, but not both"
	}
	rows.Members = maps.Clone(rows.Members)
	maps.Copy(rows.Members, PodRows(podsOfNode).Members)
	cfg := nodeRules
	cfg.AliasRanges = w.aliasRanges
	program := rules.For(ipset.FamilyOf(addr), cfg)
	v := rules.Walk(program, rules.Node{Rows: rows, Addresses: w.node.Addresses}, p)
	by := strings.TrimPrefix(strings.TrimPrefix(v.Decided().Name(), state.Prefix4), state.Prefix6)
	switch v.Outcome {
	case rules.Routed:
		return "passes by"
	case rules.Delivered:
		return "the host's"
	case rules.Balanced:
		return servers(v)
	}
	return fmt.Sprintf("%s by %s", v.Outcome, by)
}

// servers are those that answer, and whom they see.
func servers(v rules.Verdict) string {
	var all []string
	for _, s := range v.Servers {
		source := "source kept"
		if s.Masqueraded {
			source = "masqueraded"
		}
		if s.Outcome != rules.Routed {
			source += fmt.Sprintf(", %s by %s", s.Outcome, s.Decided().Name())
		}
		all = append(all, fmt.Sprintf("%s %s", s.Packet.Destination, source))
	}
	return strings.Join(all, ", ")
}
