package state

import "net/netip"

// Aliases are where in-cluster aliases of addresses lie: the top bits of an
// address replaced by those of the range, which is what NETMAP does. A family of
// which nothing is said has the usual range.
type Aliases struct{ IPv4, IPv6 netip.Prefix }

// AliasesIn has these ranges, at most one of each family.
func AliasesIn(ranges []netip.Prefix) (a Aliases) {
	for _, r := range ranges {
		if r.Addr().Is4() {
			a.IPv4 = r.Masked()
		} else {
			a.IPv6 = r.Masked()
		}
	}
	return a
}

// The usual ranges: the one is reserved, the other a part of the private networks
// that no host is given at random.
var (
	usualAliases4 = netip.MustParsePrefix("240.0.0.0/4")
	usualAliases6 = netip.MustParsePrefix("fdff::/16")
)

// Range is that of the family of addr.
func (a Aliases) Range(addr netip.Addr) netip.Prefix {
	chosen, usual := a.IPv4, usualAliases4
	if addr.Is6() {
		chosen, usual = a.IPv6, usualAliases6
	}
	if chosen.IsValid() {
		return chosen
	}
	return usual
}

// Contain tells whether addr lies where aliases do.
func (a Aliases) Contain(addr netip.Addr) bool { return a.Range(addr).Contains(addr) }

// Of is the frontend on which clients inside of the cluster are served when they ask
// for v, at the same port. An address where aliases lie has none.
func (a Aliases) Of(v VirtualServer) (alias VirtualServer, ok bool) {
	addr := v.Addr.Addr()
	in := a.Range(addr)
	if in.Contains(addr) {
		return VirtualServer{}, false
	}
	top, bits := in.Masked().Addr().AsSlice(), addr.AsSlice()
	for i := range in.Bits() {
		at := byte(0x80 >> (i % 8))
		bits[i/8] = bits[i/8]&^at | top[i/8]&at
	}
	addr, _ = netip.AddrFromSlice(bits) // as long as before
	return VirtualServer{Addr: netip.AddrPortFrom(addr, v.Addr.Port()), Protocol: v.Protocol}, true
}
