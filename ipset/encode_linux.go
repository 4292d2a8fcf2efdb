package ipset

import (
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// The oldest revisions with all that is needed here: every kernel has them,
// and an ipset program of any age can list the set.
var revisions = map[Type]uint8{
	HashIP:        1,
	HashIPPort:    1,
	HashIPPortIP:  1,
	HashIPPortNet: 2,
	HashNet:       0,
}

const flagListHeader = 1 << 2 // IPSET_FLAG_LIST_HEADER

// aboutAll begins a request that concerns every set of the namespace.
func aboutAll() []byte {
	b := []byte{0, nl.NFNETLINK_V0, 0, 0}
	return wire.Append(b, nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
}

// about begins a request that concerns one set.
func about(name string) []byte {
	return wire.AppendText(aboutAll(), nl.IPSET_ATTR_SETNAME, name)
}

func createRequest(s Set) []byte {
	b := about(s.Name)
	b = wire.AppendText(b, nl.IPSET_ATTR_TYPENAME, s.Type.String())
	b = wire.Append(b, nl.IPSET_ATTR_REVISION, revisions[s.Type])
	b = wire.Append(b, nl.IPSET_ATTR_FAMILY, s.Family.number())
	return wire.AppendNested(b, nl.IPSET_ATTR_DATA|nl.NLA_F_NESTED, func(b []byte) []byte {
		return appendUint32(b, nl.IPSET_ATTR_MAXELEM, s.MaxEntries)
	})
}

func swapRequest(a, b string) []byte {
	return wire.AppendText(about(a), nl.IPSET_ATTR_SETNAME2, b)
}

func headersRequest() []byte {
	return appendUint32(aboutAll(), nl.IPSET_ATTR_FLAGS, flagListHeader)
}

// changeRequest adds or removes entries. Each is numbered from 1; when the
// kernel refuses one, it writes its number into the outer LINENO of the copy
// of the request that comes back with the error.
func changeRequest(name string, entries []Entry) []byte {
	b := appendLine(about(name), 0)
	return wire.AppendNested(b, nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, func(b []byte) []byte {
		for i, e := range entries {
			b = appendEntry(b, e, uint32(i+1))
		}
		return b
	})
}

func appendEntry(b []byte, e Entry, line uint32) []byte {
	return wire.AppendNested(b, nl.IPSET_ATTR_DATA|nl.NLA_F_NESTED, func(b []byte) []byte {
		b = appendAddr(b, nl.IPSET_ATTR_IP, e.addr)
		if e.typ.hasPort() {
			b = wire.Append(b, nl.IPSET_ATTR_PORT|nl.NLA_F_NET_BYTEORDER, byte(e.port>>8), byte(e.port))
			b = wire.Append(b, nl.IPSET_ATTR_PROTO, e.protocol)
		}
		switch e.typ {
		case HashIPPortIP:
			b = appendAddr(b, nl.IPSET_ATTR_IP2, e.net.Addr())
		case HashIPPortNet:
			b = appendAddr(b, nl.IPSET_ATTR_IP2, e.net.Addr())
			b = wire.Append(b, nl.IPSET_ATTR_CIDR2, uint8(e.net.Bits()))
		case HashNet:
			b = wire.Append(b, nl.IPSET_ATTR_CIDR, uint8(e.net.Bits()))
		}
		return appendLine(b, line)
	})
}

func appendAddr(b []byte, attr uint16, addr netip.Addr) []byte {
	return wire.AppendNested(b, attr|nl.NLA_F_NESTED, func(b []byte) []byte {
		if addr.Is4() {
			ip := addr.As4()
			return wire.Append(b, nl.IPSET_ATTR_IPADDR_IPV4|nl.NLA_F_NET_BYTEORDER, ip[:]...)
		}
		ip := addr.As16()
		return wire.Append(b, nl.IPSET_ATTR_IPADDR_IPV6|nl.NLA_F_NET_BYTEORDER, ip[:]...)
	})
}

// appendLine uses the machine's byte order, as the kernel does for line numbers
// and for nothing else.
func appendLine(b []byte, line uint32) []byte {
	return wire.Append32(b, nl.IPSET_ATTR_LINENO, line)
}

func appendUint32(b []byte, attr uint16, v uint32) []byte {
	return wire.Append(b, attr|nl.NLA_F_NET_BYTEORDER, binary.BigEndian.AppendUint32(nil, v)...)
}

func (f Family) number() uint8 {
	switch f {
	case IPv4:
		return unix.AF_INET
	case IPv6:
		return unix.AF_INET6
	}
	return unix.AF_UNSPEC
}
