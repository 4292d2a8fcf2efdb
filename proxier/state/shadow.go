package state

import "net/netip"

// Shadow4 and Shadow6 are where the shadows of addresses lie: the top bits of
// an address replaced by these, which is what NETMAP does. An address within
// has no shadow.
var (
	Shadow4 = netip.MustParsePrefix("240.0.0.0/4")
	Shadow6 = netip.MustParsePrefix("fdff::/16")
)

// InShadows tells whether addr lies where shadows do.
func InShadows(addr netip.Addr) bool { return Shadow4.Contains(addr) || Shadow6.Contains(addr) }

// Shadow is the front on which clients inside of the cluster are served when
// they ask for v, at the same port.
func (v VirtualServer) Shadow() (shadow VirtualServer, ok bool) {
	addr := v.Addr.Addr()
	if InShadows(addr) {
		return VirtualServer{}, false
	}
	if addr.Is4() {
		bytes := addr.As4()
		bytes[0] |= 0xf0
		addr = netip.AddrFrom4(bytes)
	} else {
		bytes := addr.As16()
		bytes[0], bytes[1] = 0xfd, 0xff
		addr = netip.AddrFrom16(bytes)
	}
	return VirtualServer{Addr: netip.AddrPortFrom(addr, v.Addr.Port()), Protocol: v.Protocol}, true
}
