package nft

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// match appends what asks the question.
func match(c code, m rules.Match, p rules.Program) code {
	f := p.Family
	switch m := m.(type) {
	case rules.Destination:
		register := uint32(first)
		for _, part := range parts[m.In.Type()] {
			c = c.load(register, part, f)
			register += part.field(f).registers()
		}
		return c.lookup(m.Not, m.In.Name(f))
	case rules.Source:
		c = c.load(first, source, f)
		if m.In.Type() == ipset.HashNet {
			c = c.load(first+source.field(f).registers(), protocol, f)
		}
		return c.lookup(m.Not, m.In.Name(f))
	case rules.From:
		mask := maskOf(m.Net)
		return c.load(first, source, f).bits(mask, make([]byte, len(mask))).compare(m.Not, m.Net.Masked().Addr().AsSlice())
	case rules.Interface:
		return c.meta(first, unix.NFT_META_IIFNAME).compare(m.Not, interfaceName(m.Name))
	case rules.Local:
		return c.local(m)
	case rules.State:
		return c.state(m)
	case rules.Reply:
		return c.ct(unix.NFT_CT_DIRECTION).compare(false, []byte{1})
	case rules.Ping:
		icmp, echo := byte(unix.IPPROTO_ICMP), byte(8)
		if f == ipset.IPv6 {
			icmp, echo = unix.IPPROTO_ICMPV6, 128
		}
		return c.meta(first, unix.NFT_META_L4PROTO).compare(false, []byte{icmp}).
			payload(first, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1).compare(false, []byte{echo})
	case rules.Marked:
		return c.meta(first, unix.NFT_META_MARK).any(m.Not, m.Bit)
	}
	panic(fmt.Sprintf("nftables knows no match %T", m)) // there are no others than those of package rules
}

func (c code) local(m rules.Local) code {
	end := uint32(fibDestination)
	if m.End == rules.Src {
		end = fibSource
	}
	return c.add("fib", number(unix.NFTA_FIB_DREG, first), number(unix.NFTA_FIB_RESULT, fibType), number(unix.NFTA_FIB_FLAGS, end)).
		compare(m.Not, own(unix.RTN_LOCAL))
}

func (c code) state(m rules.State) code {
	switch m.Is {
	case rules.New:
		return c.ct(unix.NFT_CT_STATE).any(m.Not, stateNew)
	case rules.Established:
		return c.ct(unix.NFT_CT_STATE).any(m.Not, stateEstablished|stateRelated)
	case rules.Translated:
		return c.ct(unix.NFT_CT_STATUS).any(m.Not, translated)
	}
	panic(fmt.Sprintf("nftables knows no state %q", m.Is))
}

// action appends what the rule does. In the nat table to accept a packet is to
// translate it to where it goes anyhow: chains of others that come later at this
// hook are not asked then.
func action(c code, a rules.Action, t rules.Table, p rules.Program) code {
	f := p.Family
	switch a := a.(type) {
	case rules.Drop:
		return c.verdict(nfDrop, "")
	case rules.Return:
		return c.verdict(unix.NFT_RETURN, "")
	case rules.Accept:
		if t == rules.NAT {
			return c.load(first, destination, f).translate(f)
		}
		return c.verdict(nfAccept, "")
	case rules.Reject:
		code := byte(3) // port unreachable
		if f == ipset.IPv6 {
			code = 4
		}
		return c.add("reject", number(unix.NFTA_REJECT_TYPE, unix.NFT_REJECT_ICMP_UNREACH), wire.Append(nil, unix.NFTA_REJECT_ICMP_CODE, code))
	case rules.SetMark:
		return c.mark(^a.Bit, a.Bit)
	case rules.SetWholeMark:
		return c.mark(0, a.Mark)
	case rules.ClearMark:
		return c.mark(^a.Bit, 0)
	case rules.Masquerade:
		if a.RandomPort {
			return c.add("masq", number(unix.NFTA_MASQ_FLAGS, randomFully))
		}
		return c.add("masq")
	case rules.NetMap:
		host := maskOf(a.To)
		for i := range host {
			host[i] = ^host[i]
		}
		return c.load(first, destination, f).bits(host, a.To.Masked().Addr().AsSlice()).translate(f)
	}
	panic(fmt.Sprintf("nftables knows no action %T", a))
}

// translate gives the connection the destination in the register, and ends the
// search for one.
func (c code) translate(f ipset.Family) code {
	return c.add("nat", number(unix.NFTA_NAT_TYPE, unix.NFT_NAT_DNAT), number(unix.NFTA_NAT_FAMILY, protocolFamily(f)),
		number(unix.NFTA_NAT_REG_ADDR_MIN, first))
}

// maskOf has a bit for each that is the network's.
func maskOf(net netip.Prefix) []byte {
	mask := last(netip.PrefixFrom(zero(familyOf(net)), net.Bits())).AsSlice()
	for i := range mask {
		mask[i] = ^mask[i]
	}
	return mask
}

func familyOf(net netip.Prefix) ipset.Family { return ipset.FamilyOf(net.Addr()) }

func zero(f ipset.Family) netip.Addr {
	if f == ipset.IPv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// interfaceName is what the name of an interface is compared with: all of it, or
// with a + at its end what stands before that.
func interfaceName(name string) []byte {
	if begins, any := strings.CutSuffix(name, "+"); any {
		return []byte(begins)
	}
	return append([]byte(name), make([]byte, unix.IFNAMSIZ-len(name))...)
}

// protocolFamily is the kernel's number of the family.
func protocolFamily(f ipset.Family) uint32 {
	if f == ipset.IPv6 {
		return unix.NFPROTO_IPV6
	}
	return unix.NFPROTO_IPV4
}
