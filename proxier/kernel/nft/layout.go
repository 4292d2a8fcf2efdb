package nft

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// part is one field of a set's key.
type part uint8

const (
	destination part = iota + 1 // address that the packet is sent to
	source                      // address that it comes from
	protocol
	port // that it is sent to
)

// parts are the fields of the keys of each type of set. The networks of HashNet
// stand beside any protocol: the kernel searches networks in keys of more than
// one field without regard to the order in which they came.
var parts = map[ipset.Type][]part{
	ipset.HashIP:        {destination},
	ipset.HashNet:       {destination, protocol},
	ipset.HashIPPort:    {destination, protocol, port},
	ipset.HashIPPortIP:  {destination, protocol, port, source},
	ipset.HashIPPortNet: {destination, protocol, port, source},
}

// addressLength is how long an address of a family is, in bytes.
func addressLength(f ipset.Family) uint32 {
	if f == ipset.IPv6 {
		return 16
	}
	return 4
}

// field is a part as the kernel has it.
type field struct {
	length   uint32
	datatype uint32 // what the program nft shows it as
}

func (p part) field(f ipset.Family) field {
	const ipv4, ipv6, inetProto, inetService = 7, 8, 12, 13
	switch p {
	case protocol:
		return field{1, inetProto}
	case port:
		return field{2, inetService}
	}
	if f == ipset.IPv6 {
		return field{16, ipv6}
	}
	return field{4, ipv4}
}

// load puts a part of the packet into registers.
func (c code) load(register uint32, p part, f ipset.Family) code {
	offsets := map[part]uint32{source: 12, destination: 16}
	if f == ipset.IPv6 {
		offsets = map[part]uint32{source: 8, destination: 24}
	}
	switch p {
	case protocol:
		return c.meta(register, unix.NFT_META_L4PROTO)
	case port:
		return c.payload(register, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2)
	}
	return c.payload(register, unix.NFT_PAYLOAD_NETWORK_HEADER, offsets[p], addressLength(f))
}

// registers is how many a field takes.
func (f field) registers() uint32 { return uint32(wire.Align(int(f.length))) / 4 }

// key is an entry as the kernel has it in a set: each field filled up to a
// multiple of four bytes.
func key(e ipset.Entry) []byte {
	if e.Type() == ipset.HashNet {
		return append(e.Net().Addr().AsSlice(), 0, 0, 0, 0)
	}
	k := e.Addr().AsSlice()
	if e.Type() == ipset.HashIP {
		return k
	}
	k = append(k, e.Protocol(), 0, 0, 0)
	k = binary.BigEndian.AppendUint16(k, e.Port())
	k = append(k, 0, 0)
	if e.Net().IsValid() {
		k = append(k, e.Net().Addr().AsSlice()...)
	}
	return k
}

// keyEnd is the last key of an entry with a network.
func keyEnd(e ipset.Entry) []byte {
	k := key(e)
	end := last(e.Net()).AsSlice()
	if e.Type() == ipset.HashNet {
		return append(end, 0xff, 0, 0, 0)
	}
	return append(k[:len(k)-len(end)], end...)
}

// last is the last address of a network.
func last(net netip.Prefix) netip.Addr {
	bytes := net.Addr().AsSlice()
	for i := range bytes {
		bytes[i] |= byte(0xff >> max(0, min(8, net.Bits()-8*i)))
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// network is that from the first to the last address; it fails if there is none.
func network(first, end netip.Addr) (netip.Prefix, bool) {
	for bits := first.BitLen(); bits >= 0; bits-- {
		if net := netip.PrefixFrom(first, bits); net.Masked() == net && last(net) == end {
			return net, true
		}
	}
	return netip.Prefix{}, false
}

// entry reads a key, and of types with a network its last one. What is no key of
// the type is no entry.
func entry(typ ipset.Type, f ipset.Family, key, end []byte) (e ipset.Entry, ok bool) {
	length := int(addressLength(f))
	wanted := 0
	for _, p := range parts[typ] {
		wanted += 4 * int(p.field(f).registers())
	}
	networks := typ == ipset.HashNet || typ == ipset.HashIPPortNet
	if len(key) != wanted || networks && len(end) != wanted {
		return e, false
	}
	addr, _ := netip.AddrFromSlice(key[:length])
	switch typ {
	case ipset.HashIP:
		return ipset.IP(addr), true
	case ipset.HashNet:
		until, _ := netip.AddrFromSlice(end[:length])
		net, ok := network(addr, until)
		return ipset.Net(net), ok
	}
	to := netip.AddrPortFrom(addr, binary.BigEndian.Uint16(key[length+4:]))
	if typ == ipset.HashIPPort {
		return ipset.IPPort(to, key[length]), true
	}
	second, _ := netip.AddrFromSlice(key[length+8:])
	if typ == ipset.HashIPPortIP {
		return ipset.IPPortIP(to, key[length], second), true
	}
	until, _ := netip.AddrFromSlice(end[length+8:])
	net, ok := network(second, until)
	return ipset.IPPortNet(to, key[length], net), ok
}
