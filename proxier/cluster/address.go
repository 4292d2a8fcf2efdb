package cluster

import (
	"fmt"
	"net/netip"
	"slices"
)

// special is a kind of address that has a meaning of its own. The API refuses
// some of them in some fields only. One on our device would take from the host
// what it needs that address for, and as an endpoint the kernel refuses it.
type special struct {
	name  string
	holds func(netip.Addr, Node) bool
}

// specials may stand in no field of a Service or EndpointSlice. All others may in
// each, those of 240.0.0.0/4 too: some clouds give them to Pods and Services.
var specials = []special{
	{"an unspecified address", within("0.0.0.0/8", "::/128")},
	{"a loopback address", within("127.0.0.0/8", "::1/128")},
	// Clouds answer there about the machine itself, and the kernel has some of its
	// own on each device.
	{"a link-local address", within("169.254.0.0/16", "fe80::/10")},
	{"a multicast address", within("224.0.0.0/4", "ff00::/8")},
	{"the broadcast address of all networks", within("255.255.255.255/32")},
	{"a broadcast address of a network that this node is in", func(a netip.Addr, node Node) bool {
		return slices.ContainsFunc(node.Networks, func(n netip.Prefix) bool { return isBroadcast(a, n) })
	}},
}

func within(texts ...string) func(netip.Addr, Node) bool {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return func(a netip.Addr, _ Node) bool {
		return slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Contains(a) })
	}
}

// isBroadcast tells whether a is the last address of network, or the first, which
// older kernels take for the same.
func isBroadcast(a netip.Addr, network netip.Prefix) bool {
	if !a.Is4() || !network.Contains(a) || network.Bits() > 30 {
		return false
	}
	first := network.Masked().Addr().As4()
	last := first
	for bit := network.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return a.As4() == first || a.As4() == last
}

// parseAddr reads an address that a Service may have, or that traffic can be sent
// to.
func parseAddr(text string, node Node) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", text)
	}
	addr = addr.Unmap().WithZone("")
	for _, s := range specials {
		if s.holds(addr, node) {
			return netip.Addr{}, fmt.Errorf("%s is %s: the address of a single host is needed", addr, s.name)
		}
	}
	return addr, nil
}
