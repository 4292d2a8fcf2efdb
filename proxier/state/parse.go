package state

import (
	"fmt"
	"net/netip"
	"strings"
)

// MarshalText is String.
func (v VirtualServer) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what String prints, "10.96.0.1:80/TCP". Without a
// protocol it is TCP.
func (v *VirtualServer) UnmarshalText(text []byte) (err error) {
	at, name, given := strings.Cut(string(text), "/")
	if v.Addr, err = netip.ParseAddrPort(at); err != nil {
		return fmt.Errorf("%q is not an address and port such as 10.96.0.1:80", text)
	}
	v.Addr = netip.AddrPortFrom(v.Addr.Addr().Unmap(), v.Addr.Port())
	if !given {
		v.Protocol = TCP
		return nil
	}
	for _, p := range []Protocol{TCP, UDP, SCTP} {
		if strings.EqualFold(name, p.String()) {
			v.Protocol = p
			return nil
		}
	}
	return fmt.Errorf("%q is not a protocol: TCP, UDP and SCTP are", name)
}
