package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// packet is the first one of a connection. It meets rows as it meets the rules
// in the kernel.
type packet struct {
	world
	rows       state.Rows
	kind       string // of client: pod, outside, or host, a process of the node
	from       netip.Addr
	to         state.VirtualServer
	translated bool // to is a shadow, by our rules
}

// answers tells what becomes of each packet, a line such as
// "pod 10.1.0.5 -> 10.96.0.1:80/TCP".
func (w world) answers(rows state.Rows) (all []string) {
	for _, line := range w.packets {
		client, to, _ := strings.Cut(line, " -> ")
		kind, from, _ := strings.Cut(client, " ")
		addr, protocol, _ := strings.Cut(to, "/")
		server := state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: protocols[protocol]}
		p := packet{world: w, rows: rows, kind: kind, from: netip.MustParseAddr(from), to: server}
		all = append(all, line+": "+p.answer())
	}
	return all
}

func (p *packet) in(set state.Set, e ipset.Entry) bool {
	_, ok := p.rows.Members[set.Holding(e)]
	return ok
}

// toIn asks for what the packet is sent to.
func (p *packet) toIn(set state.Set) bool {
	return p.in(set, ipset.IPPort(p.to.Addr, uint8(p.to.Protocol)))
}

// within asks for a network that an address lies in.
func within(addr netip.Addr, has func(netip.Prefix) bool) bool {
	for bits := range addr.BitLen() {
		if net, _ := addr.Prefix(bits + 1); has(net) {
			return true
		}
	}
	return false
}

func (p *packet) shutOut() bool {
	return p.toIn(state.Restricted) && !within(p.from, func(net netip.Prefix) bool {
		return p.in(state.Allowed, ipset.IPPortNet(p.to.Addr, uint8(p.to.Protocol), net))
	})
}

func (p *packet) answer() string {
	masquerade := p.kind == "host" && p.in(state.Addresses, ipset.IP(p.from))
	if p.kind == "host" && (p.shutOut() || p.toIn(state.Drop) && !p.toIn(state.Inside)) {
		return "dropped"
	}
	if p.kind != "outside" && p.toIn(state.Inside) {
		masquerade = masquerade || p.kind == "host"
		p.to, _ = p.to.Shadow()
		p.translated = true
	} else {
		masquerade = masquerade || p.toIn(state.Masquerade) || p.kind != "pod" && p.toIn(state.ClusterPorts)
	}
	if verdict := p.enter(); verdict != "" {
		return verdict
	}
	return p.balance(masquerade)
}

// enter routes and filters the packet, and may say what becomes of it.
func (p *packet) enter() string {
	addr := p.to.Addr.Addr()
	own := slices.Contains(p.node.Addresses, addr)
	_, bound := p.rows.Addresses[addr]
	_, served := p.rows.VirtualServers[p.to]
	known := p.in(state.Addresses, ipset.IP(addr))
	switch {
	case bound != known:
		return "WRONG: bound, or in the set, but not both"
	case !own && !bound && within(addr, func(net netip.Prefix) bool { return p.in(state.Ranges, ipset.Net(net)) }):
		return "refused, nobody has the address"
	case !own && !bound:
		return "passes by"
	case p.kind == "host" && served: // IPVS takes it before any filter
		return ""
	case p.toIn(state.Drop), p.shutOut():
		return "dropped"
	case known && p.toIn(state.Shadows) && !p.translated:
		return "dropped, a shadow"
	case known && !p.toIn(state.ServicePorts):
		return "refused, the host hides"
	case !served:
		return "the host's"
	}
	return ""
}

func (p *packet) balance(masquerade bool) string {
	var replies []string
	for r := range p.rows.RealServers {
		if r.VirtualServer == p.to {
			self := r.Addr.Addr() == p.from && p.in(state.Hairpin, ipset.IPPortIP(r.Addr, uint8(p.to.Protocol), p.from))
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
