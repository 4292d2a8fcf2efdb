package ipset

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// portion is one message about one set, taken apart. A long listing takes
// several; only the first one tells the type.
type portion struct {
	set      Set
	typeName string
	members  []byte
}

func parsePortion(msg []byte) (portion, error) {
	var p portion
	if len(msg) < nl.SizeofNfgenmsg {
		return p, fmt.Errorf("%w: %d bytes", wire.ErrMalformed, len(msg))
	}
	err := wire.EachAttribute(msg[nl.SizeofNfgenmsg:], func(attr uint16, v []byte) error {
		switch attr {
		case nl.IPSET_ATTR_SETNAME:
			p.set.Name = wire.Text(v)
		case nl.IPSET_ATTR_TYPENAME:
			p.typeName = wire.Text(v)
			p.set.Type = typeNamed(p.typeName)
		case nl.IPSET_ATTR_FAMILY:
			family, err := number(v, 1)
			p.set.Family = familyNumbered(family)
			return err
		case nl.IPSET_ATTR_DATA:
			return wire.EachAttribute(v, func(attr uint16, v []byte) (err error) {
				if attr == nl.IPSET_ATTR_MAXELEM {
					p.set.MaxEntries, err = number(v, 4)
				}
				return err
			})
		case nl.IPSET_ATTR_ADT:
			p.members = v
		}
		return nil
	})
	return p, err
}

// listing is what has been told so far of the members of one set.
type listing struct {
	set     Set
	begun   bool
	entries []Entry
}

// take adds one message. A listing that does not start with the set's type and
// family, starts anew or wanders to another set is malformed.
func (l *listing) take(msg []byte) error {
	p, err := parsePortion(msg)
	if err != nil {
		return err
	}
	if p.set.Name != l.set.Name {
		return fmt.Errorf("%w: about set %q", wire.ErrMalformed, p.set.Name)
	}
	switch {
	case l.begun != (p.typeName == ""):
		return fmt.Errorf("%w: the first message alone tells the type", wire.ErrMalformed)
	case l.begun:
	case p.set.Type == 0:
		return fmt.Errorf("%w: type %s is not supported", ErrMismatch, p.typeName)
	case p.set.Family == 0:
		return fmt.Errorf("%w: set of addresses without family", wire.ErrMalformed)
	default:
		l.set, l.begun = p.set, true
	}
	return wire.EachAttribute(p.members, func(_ uint16, v []byte) error {
		e, err := parseEntry(v, l.set)
		l.entries = append(l.entries, e)
		return err
	})
}

// What an entry is incomplete without, as bits.
var required = map[Type]uint32{
	HashIP:        1 << nl.IPSET_ATTR_IP,
	HashIPPort:    1<<nl.IPSET_ATTR_IP | 1<<nl.IPSET_ATTR_PORT | 1<<nl.IPSET_ATTR_PROTO,
	HashIPPortIP:  1<<nl.IPSET_ATTR_IP | 1<<nl.IPSET_ATTR_PORT | 1<<nl.IPSET_ATTR_PROTO | 1<<nl.IPSET_ATTR_IP2,
	HashIPPortNet: 1<<nl.IPSET_ATTR_IP | 1<<nl.IPSET_ATTR_PORT | 1<<nl.IPSET_ATTR_PROTO | 1<<nl.IPSET_ATTR_IP2 | 1<<nl.IPSET_ATTR_CIDR2,
	HashNet:       1<<nl.IPSET_ATTR_IP | 1<<nl.IPSET_ATTR_CIDR,
}

// parseEntry leaves mapped IPv4 addresses as they are: unmapped, they could not
// be removed from the IPv6 set that they are in.
func parseEntry(b []byte, s Set) (Entry, error) {
	var first, second netip.Addr
	var port, protocol, bits, seen uint32
	err := wire.EachAttribute(b, func(attr uint16, v []byte) (err error) {
		seen |= 1 << attr
		switch attr {
		case nl.IPSET_ATTR_IP:
			first, err = parseAddr(v, s.Family)
		case nl.IPSET_ATTR_PORT:
			port, err = number(v, 2)
		case nl.IPSET_ATTR_PROTO:
			protocol, err = number(v, 1)
		case nl.IPSET_ATTR_IP2:
			second, err = parseAddr(v, s.Family)
		case nl.IPSET_ATTR_CIDR, nl.IPSET_ATTR_CIDR2:
			bits, err = number(v, 1)
		}
		return err
	})
	if err != nil {
		return Entry{}, err
	}
	if missing := required[s.Type] &^ seen; missing != 0 {
		return Entry{}, fmt.Errorf("%w: entry without attributes %b", wire.ErrMalformed, missing)
	}
	e := Entry{typ: s.Type, addr: first, port: uint16(port), protocol: uint8(protocol)}
	switch s.Type {
	case HashIPPortIP:
		e.net = netip.PrefixFrom(second, second.BitLen())
	case HashIPPortNet:
		e.net = netip.PrefixFrom(second, int(bits)).Masked()
	case HashNet:
		e.net = netip.PrefixFrom(first, int(bits)).Masked()
		second = first
	}
	if second.IsValid() && !e.net.IsValid() {
		return Entry{}, fmt.Errorf("%w: network %s/%d", wire.ErrMalformed, second, bits)
	}
	return e, nil
}

func parseAddr(b []byte, want Family) (addr netip.Addr, err error) {
	err = wire.EachAttribute(b, func(_ uint16, v []byte) error {
		addr, _ = netip.AddrFromSlice(v)
		return nil
	})
	if err == nil && (!addr.IsValid() || addr.Is4() != (want == IPv4)) {
		err = fmt.Errorf("%w: %s address % x", wire.ErrMalformed, want, b)
	}
	return addr, err
}

// parseLine finds the line number in a request that the kernel has sent back;
// zero if it names none.
func parseLine(request []byte) int {
	var line int
	if len(request) < nl.SizeofNfgenmsg {
		return 0
	}
	// An echo that is cut short may still begin with the number.
	_ = wire.EachAttribute(request[nl.SizeofNfgenmsg:], func(attr uint16, v []byte) error {
		if attr == nl.IPSET_ATTR_LINENO && len(v) == 4 {
			line = int(binary.NativeEndian.Uint32(v))
		}
		return nil
	})
	return line
}

func familyNumbered(n uint32) Family {
	switch n {
	case unix.AF_INET:
		return IPv4
	case unix.AF_INET6:
		return IPv6
	}
	return 0
}

func typeNamed(name string) Type {
	for t, n := range typeNames {
		if n == name {
			return t
		}
	}
	return 0
}

// number reads an unsigned number of that many bytes, in network byte order.
func number(b []byte, size int) (uint32, error) {
	if len(b) != size {
		return 0, fmt.Errorf("%w: %d bytes for a number of %d", wire.ErrMalformed, len(b), size)
	}
	var v uint32
	for _, octet := range b {
		v = v<<8 | uint32(octet)
	}
	return v, nil
}
