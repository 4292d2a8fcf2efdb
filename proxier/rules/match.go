package rules

import (
	"net/netip"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func (m Destination) holds(j *journey) bool {
	return j.member(m.In, j.packet.Destination.Addr()) != m.Not
}

func (m Source) holds(j *journey) bool { return j.member(m.In, j.packet.Source) != m.Not }

// member asks a set about one end of the packet, with the port of its
// destination and its source where the set's type has them.
func (j *journey) member(s state.Set, end netip.Addr) bool {
	p := j.packet
	switch s.Type() {
	case ipset.HashIP:
		return j.node.holds(s, ipset.IP(end))
	case ipset.HashNet:
		return within(end, func(net netip.Prefix) bool { return j.node.holds(s, ipset.Net(net)) })
	case ipset.HashIPPort:
		return j.node.holds(s, ipset.IPPort(p.Destination, uint8(p.Protocol)))
	case ipset.HashIPPortIP:
		return j.node.holds(s, ipset.IPPortIP(p.Destination, uint8(p.Protocol), p.Source))
	case ipset.HashIPPortNet:
		return within(p.Source, func(net netip.Prefix) bool {
			return j.node.holds(s, ipset.IPPortNet(p.Destination, uint8(p.Protocol), net))
		})
	}
	return false
}

func (m From) holds(j *journey) bool { return m.Net.Contains(j.packet.Source) != m.Not }

func (m Interface) holds(j *journey) bool {
	name := j.packet.Interface
	begins, any := strings.CutSuffix(m.Name, "+")
	return (name == m.Name || any && name != "" && strings.HasPrefix(name, begins)) != m.Not
}

func (m Local) holds(j *journey) bool {
	end := j.packet.Destination.Addr()
	if m.End == Src {
		end = j.packet.Source
	}
	return j.node.has(end) != m.Not
}

// The packet is the first of its connection.
func (m State) holds(j *journey) bool {
	is := map[ConnState]bool{New: true, Established: false, Translated: j.translated}[m.Is]
	return is != m.Not
}

// Nor does it answer any.
func (Reply) holds(*journey) bool { return false }

func (Ping) holds(j *journey) bool {
	return j.packet.Protocol == ICMP && j.program.Family == ipset.IPv4 || j.packet.Protocol == ICMPv6 && j.program.Family == ipset.IPv6
}

func (m Marked) holds(j *journey) bool { return (j.mark&m.Bit != 0) != m.Not }

// flow is what follows on a rule that has matched.
type flow int

const (
	nextRule flow = iota
	endChain
	endTable // with an outcome other than none the packet's way is over
)

func (Drop) do(*journey) (flow, Outcome)   { return endTable, Dropped }
func (Return) do(*journey) (flow, Outcome) { return endChain, "" }
func (Accept) do(*journey) (flow, Outcome) { return endTable, "" }
func (Reject) do(*journey) (flow, Outcome) { return endTable, Refused }

func (a SetMark) do(j *journey) (flow, Outcome) {
	j.mark |= a.Bit
	return nextRule, ""
}

func (a SetWholeMark) do(j *journey) (flow, Outcome) {
	j.mark = a.Mark
	return nextRule, ""
}

func (a ClearMark) do(j *journey) (flow, Outcome) {
	j.mark &^= a.Bit
	return nextRule, ""
}

func (Masquerade) do(j *journey) (flow, Outcome) {
	j.masqueraded = true
	return endTable, ""
}

func (a NetMap) do(j *journey) (flow, Outcome) {
	to := j.packet.Destination
	j.packet.Destination = netip.AddrPortFrom(mapped(to.Addr(), a.To), to.Port())
	j.translated = true
	return endTable, ""
}

// mapped is addr with the top bits of the network.
func mapped(addr netip.Addr, to netip.Prefix) netip.Addr {
	bytes, network := addr.AsSlice(), to.Masked().Addr().AsSlice()
	for i := range bytes {
		mask := byte(0xff << max(0, min(8, 8*(i+1)-to.Bits())))
		bytes[i] = bytes[i]&^mask | network[i]
	}
	mapped, _ := netip.AddrFromSlice(bytes)
	return mapped
}
