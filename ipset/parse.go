package ipset

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseEntry reads what String prints of an entry of this type. An address alone
// does not tell the type: it is a member of a HashIP set, and in a HashNet set a
// network of one address.
func ParseEntry(typ Type, text string) (Entry, error) {
	first, rest, _ := strings.Cut(text, ",")
	middle, second, _ := strings.Cut(rest, ",")
	var e Entry
	switch typ {
	case HashIP:
		addr, _ := netip.ParseAddr(text)
		e = IP(addr)
	case HashNet:
		e = Net(parseNet(text))
	case HashIPPort:
		e = parsePort(first, rest)
	case HashIPPortIP:
		addr, _ := netip.ParseAddr(second)
		e = parsePort(first, middle).and(HashIPPortIP, netip.PrefixFrom(plain(addr), plain(addr).BitLen()))
	case HashIPPortNet:
		e = parsePort(first, middle).and(HashIPPortNet, plainNet(parseNet(second)))
	}
	if e.typ == 0 {
		return Entry{}, fmt.Errorf("%q is not an entry of a set of type %s", text, typ)
	}
	return e, nil
}

// parseNet reads a network, or an address as one; the zero Prefix is neither.
func parseNet(text string) netip.Prefix {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
	}
	p, _ := netip.ParsePrefix(text)
	return p
}

// parsePort reads an address and "tcp:80", with a protocol's name or number.
func parsePort(addr, port string) Entry {
	at, err := netip.ParseAddr(addr)
	name, number, _ := strings.Cut(port, ":")
	protocol, wrong := parseProtocol(name)
	n, bad := strconv.ParseUint(number, 10, 16)
	if err != nil || wrong != nil || bad != nil {
		return Entry{}
	}
	return IPPort(netip.AddrPortFrom(at, uint16(n)), protocol)
}

func parseProtocol(name string) (uint8, error) {
	for n, known := range protocolNames {
		if name == known {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return uint8(n), err
}
