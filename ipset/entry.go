package ipset

import (
	"cmp"
	"fmt"
	"net/netip"
)

// Type is what the members of a set are made of.
type Type uint8

// The set types in use, in the kernel's words.
const (
	HashIP        Type = iota + 1 // address
	HashIPPort                    // address, protocol:port
	HashIPPortIP                  // address, protocol:port, address
	HashIPPortNet                 // address, protocol:port, network
)

var typeNames = map[Type]string{
	HashIP:        "hash:ip",
	HashIPPort:    "hash:ip,port",
	HashIPPortIP:  "hash:ip,port,ip",
	HashIPPortNet: "hash:ip,port,net",
}

// String is the kernel's name of the type, for example "hash:ip,port".
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Family is the address family of a whole set; the kernel keeps one to a set.
type Family uint8

// The two families.
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
	if f == IPv6 {
		return "inet6"
	}
	return "inet"
}

// Set describes a set apart from its members.
type Set struct {
	Name       string // 31 bytes at most
	Type       Type
	Family     Family
	MaxEntries uint32 // the kernel refuses members beyond this number
}

// Entry is one member of a set. It is comparable, and two entries that the
// kernel holds to be the same are equal: addresses are unmapped and without
// zone, networks are masked, and a network of one address is spelled in one
// way only.
type Entry struct {
	addr     netip.Addr
	protocol uint8
	port     uint16
	net      netip.Prefix // HashIPPortIP keeps its second address as a full-length prefix
	typ      Type
}

// IP is a member of a HashIP set.
func IP(addr netip.Addr) Entry {
	return Entry{typ: HashIP, addr: plain(addr)}
}

// IPPort is a member of a HashIPPort set. The protocol is an IANA number.
func IPPort(addr netip.AddrPort, protocol uint8) Entry {
	return Entry{typ: HashIPPort, addr: plain(addr.Addr()), port: addr.Port(), protocol: protocol}
}

// IPPortIP is a member of a HashIPPortIP set.
func IPPortIP(addr netip.AddrPort, protocol uint8, second netip.Addr) Entry {
	second = plain(second)
	e := IPPort(addr, protocol)
	e.typ, e.net = HashIPPortIP, netip.PrefixFrom(second, second.BitLen())
	return e
}

// IPPortNet is a member of a HashIPPortNet set. The kernel cannot hold a
// network of length zero.
func IPPortNet(addr netip.AddrPort, protocol uint8, network netip.Prefix) Entry {
	e := IPPort(addr, protocol)
	e.typ, e.net = HashIPPortNet, netip.PrefixFrom(plain(network.Addr()), network.Bits()).Masked()
	return e
}

func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// Type tells which type of set can hold the entry.
func (e Entry) Type() Type { return e.typ }

// Family tells the family of the set that can hold the entry.
func (e Entry) Family() Family { return FamilyOf(e.addr) }

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

var protocolNames = map[uint8]string{6: "tcp", 17: "udp", 132: "sctp"}

// String spells the entry as `ipset list` does, for example
// "10.96.0.1,tcp:80,10.1.0.0/16".
func (e Entry) String() string {
	if e.typ == HashIP {
		return e.addr.String()
	}
	protocol, ok := protocolNames[e.protocol]
	if !ok {
		protocol = fmt.Sprint(e.protocol)
	}
	s := fmt.Sprintf("%s,%s:%d", e.addr, protocol, e.port)
	switch {
	case e.typ == HashIPPort:
		return s
	case e.net.IsSingleIP():
		return s + "," + e.net.Addr().String()
	default:
		return s + "," + e.net.String()
	}
}
