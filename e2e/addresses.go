//go:build e2e

package e2e

import (
	"fmt"
	"net/netip"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
)

// port is that of all Services, on the addresses that are theirs alone.
const port = 80

// pair is an address of each family.
type pair struct{ v4, v6 netip.Addr }

func (p pair) of(f corev1.IPFamily) netip.Addr {
	if f == corev1.IPv4Protocol {
		return p.v4
	}
	return p.v6
}

// like is the one of the same family as another.
func (p pair) like(a netip.Addr) netip.Addr {
	if a.Is4() {
		return p.v4
	}
	return p.v6
}

// String is both.
func (p pair) String() string { return p.v4.String() + " and " + p.v6.String() }

func (p pair) texts() []string { return []string{p.v4.String(), p.v6.String()} }

// readPair reads one address of each family in any order.
func readPair(texts ...string) (p pair) {
	for _, text := range texts {
		if a := netip.MustParseAddr(text); a.Is4() {
			p.v4 = a
		} else {
			p.v6 = a
		}
	}
	return p
}

var lastExternal atomic.Uint32

// external are addresses that the client outside has a route for and that no
// other test has.
func external() pair {
	n := lastExternal.Add(1)
	return readPair(fmt.Sprintf("198.51.100.%d", n), fmt.Sprintf("2001:db8:51::%x", n))
}

// nodeAddrs are what the node answers on: those of the lab, and one more of
// each family.
var nodeAddrs = []netip.Addr{
	netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:0:2::1"),
	netip.MustParseAddr("192.0.2.11"), netip.MustParseAddr("2001:db8:0:2::11"),
}

// laterAddrs come and go in a test.
var laterAddrs = []netip.Addr{netip.MustParseAddr("192.0.2.12"), netip.MustParseAddr("2001:db8:0:2::12")}
