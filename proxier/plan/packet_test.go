package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// answers tells what becomes of each packet, a line such as
// "pod 10.1.0.5 -> 10.96.0.1:80/TCP". It does to rows what the rules in the
// kernel are to do with them.
func (w world) answers(rows state.Rows) (all []string) {
	for _, line := range w.packets {
		client, to, _ := strings.Cut(line, " -> ")
		kind, from, _ := strings.Cut(client, " ")
		addr, protocol, _ := strings.Cut(to, "/")
		server := state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: protocols[protocol]}
		all = append(all, line+": "+w.answer(rows, kind, netip.MustParseAddr(from), server))
	}
	return all
}

func (w world) answer(rows state.Rows, kind string, from netip.Addr, to state.VirtualServer) string {
	entry := ipset.IPPort(to.Addr, uint8(to.Protocol))
	in := func(set state.Set, e ipset.Entry) bool {
		_, ok := rows.Members[set.Holding(e)]
		return ok
	}
	own := slices.Contains(w.node.Addresses, to.Addr.Addr())
	_, bound := rows.Addresses[to.Addr.Addr()]
	_, served := rows.VirtualServers[to]
	switch {
	case !own && !bound:
		return "passes by"
	case bound != in(state.Addresses, ipset.IP(to.Addr.Addr())):
		return "WRONG: bound, or in the set, but not both"
	case bound && !in(state.ServicePorts, entry):
		return "refused, the host hides"
	case !served:
		return "the host's"
	}
	masquerade := in(state.Masquerade, entry) || kind != "pod" && in(state.ClusterPorts, entry)
	var replies []string
	for r := range rows.RealServers {
		if r.VirtualServer == to {
			self := r.Addr.Addr() == from && in(state.Hairpin, ipset.IPPortIP(r.Addr, uint8(to.Protocol), from))
			source := "source kept"
			if masquerade || self {
				source = "masqueraded"
			}
			replies = append(replies, fmt.Sprintf("%s %s", r.Addr, source))
		}
	}
	if len(replies) == 0 {
		return "refused"
	}
	slices.Sort(replies)
	return strings.Join(replies, ", ")
}
