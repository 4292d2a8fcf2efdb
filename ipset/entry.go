package ipset

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Family is the address family of a whole set; the kernel keeps one to a set.
type Family uint8

// The two families. Set types without addresses have neither.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf tells the family of addr.
func FamilyOf(addr netip.Addr) Family {
	if addr.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// String is the ipset program's word: inet or inet6.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "inet"
	case IPv6:
		return "inet6"
	}
	return "unspec"
}

// Entry is one member of a set. It is comparable, and two entries that the
// kernel holds to be the same are equal: addresses are unmapped and without
// zone, networks are masked, and a network of one address is spelled in one
// way only. Building never fails: what cannot be an entry is the zero Entry,
// which no set accepts.
type Entry struct {
	addr     netip.Addr
	protocol uint8
	port     uint16
	net      netip.Prefix // HashIPPortIP keeps its second address as a full-length prefix; HashNet begins at addr
	typ      Type
}

// IP is a member of a HashIP set.
func IP(addr netip.Addr) Entry {
	if !addr.IsValid() {
		return Entry{}
	}
	return Entry{typ: HashIP, addr: plain(addr)}
}

// IPPort is a member of a HashIPPort set. The protocol is an IANA number; of
// one that has no ports the kernel does not keep the port.
func IPPort(addr netip.AddrPort, protocol uint8) Entry {
	e := IP(addr.Addr())
	if e.typ == 0 {
		return Entry{}
	}
	e.typ, e.protocol = HashIPPort, protocol
	if keepsPort(protocol, e.Family()) {
		e.port = addr.Port()
	}
	return e
}

// IPPortIP is a member of a HashIPPortIP set.
func IPPortIP(addr netip.AddrPort, protocol uint8, second netip.Addr) Entry {
	second = plain(second)
	return IPPort(addr, protocol).and(HashIPPortIP, netip.PrefixFrom(second, second.BitLen()))
}

// IPPortNet is a member of a HashIPPortNet set. The kernel cannot hold a
// network of length zero.
func IPPortNet(addr netip.AddrPort, protocol uint8, network netip.Prefix) Entry {
	return IPPort(addr, protocol).and(HashIPPortNet, plainNet(network))
}

// Net is a member of a HashNet set. The kernel cannot hold a network of length
// zero.
func Net(network netip.Prefix) Entry {
	network = plainNet(network)
	return IP(network.Addr()).and(HashNet, network)
}

func (e Entry) and(typ Type, second netip.Prefix) Entry {
	if e.typ == 0 || !second.IsValid() || e.addr.Is4() != second.Addr().Is4() {
		return Entry{}
	}
	e.typ, e.net = typ, second
	return e
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func plainNet(network netip.Prefix) netip.Prefix {
	bits := network.Bits()
	if network.Addr().Is4In6() {
		bits -= 96
	}
	return netip.PrefixFrom(plain(network.Addr()), bits).Masked()
}

const (
	icmp    = 1
	tcp     = 6
	udp     = 17
	icmpv6  = 58
	sctp    = 132
	udplite = 136
)

// keepsPort also holds for ICMP, whose type and code the kernel keeps as port.
func keepsPort(protocol uint8, family Family) bool {
	switch protocol {
	case tcp, udp, sctp, udplite:
		return true
	case icmp:
		return family == IPv4
	case icmpv6:
		return family == IPv6
	}
	return false
}

// Type tells which type of set can hold the entry.
func (e Entry) Type() Type { return e.typ }

// Port is zero for types without ports.
func (e Entry) Port() uint16 { return e.port }

// Protocol is an IANA number, zero for types without protocol.
func (e Entry) Protocol() uint8 { return e.protocol }

// Net is the network of HashNet and HashIPPortNet, and the second address of
// HashIPPortIP; not valid for other types.
func (e Entry) Net() netip.Prefix { return e.net }

// Addr is the entry's first address, or that of its network.
func (e Entry) Addr() netip.Addr { return e.addr }

// Family tells the family of the set that can hold the entry. An IPv6 set that
// another program has filled may hold mapped IPv4 addresses; they are IPv6 here.
func (e Entry) Family() Family {
	if e.addr.Is4() {
		return IPv4
	}
	return IPv6
}

// Compare orders entries by address, port, protocol and second part.
func (e Entry) Compare(o Entry) int {
	return cmp.Or(
		cmp.Compare(e.typ, o.typ),
		e.addr.Compare(o.addr),
		cmp.Compare(e.port, o.port),
		cmp.Compare(e.protocol, o.protocol),
		e.net.Addr().Compare(o.net.Addr()),
		cmp.Compare(e.net.Bits(), o.net.Bits()),
	)
}

var protocolNames = map[uint8]string{tcp: "tcp", udp: "udp", sctp: "sctp"}

// String spells the entry as `ipset list` does, for example
// "10.96.0.1,tcp:80,10.1.0.0/16". Protocols other than TCP, UDP and SCTP are
// numbers.
func (e Entry) String() string {
	switch e.typ {
	case 0:
		return "no entry"
	case HashIP:
		return e.addr.String()
	case HashNet:
		return e.network()
	}
	protocol, ok := protocolNames[e.protocol]
	if !ok {
		protocol = fmt.Sprint(e.protocol)
	}
	s := fmt.Sprintf("%s,%s:%d", e.addr, protocol, e.port)
	if e.typ == HashIPPort {
		return s
	}
	return s + "," + e.network()
}

func (e Entry) network() string {
	if e.net.IsSingleIP() {
		return e.net.Addr().String()
	}
	return e.net.String()
}
