package state

import (
	"net/netip"
	"slices"
)

// UsesIPv6 tells whether a cluster uses IPv6, as far as a node can tell without
// it: by the networks of its Pods, where they are known, else by the node's
// addresses.
func UsesIPv6(pods []netip.Prefix, node []netip.Addr) bool {
	if len(pods) > 0 {
		return slices.ContainsFunc(pods, func(p netip.Prefix) bool { return p.Addr().Is6() })
	}
	return slices.ContainsFunc(node, netip.Addr.Is6)
}
