package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// SourceRanges are the clients that a Service's load balancer addresses are
// open to.
type SourceRanges struct {
	Nets   []netip.Prefix // none: everybody, unless Closed
	Closed bool           // ranges are asked for, and none of them can be read: closed to all clients
}

// For tells whether clients of addr are restricted, and to which ranges. Only
// a family of which ranges are given is restricted, and not if one of them is
// the whole of it.
func (r SourceRanges) For(addr netip.Addr) (nets []netip.Prefix, restricted bool) {
	for _, net := range r.Nets {
		if net.Addr().Is4() != addr.Is4() {
			continue
		}
		if net.Bits() == 0 {
			return nil, false
		}
		nets = append(nets, net)
	}
	return nets, r.Closed || len(nets) > 0
}

// sourceRanges skips what it cannot read, but never opens a Service because
// of it.
func (n *notes) sourceRanges(svc *v1.Service) (r SourceRanges) {
	for _, text := range svc.Spec.LoadBalancerSourceRanges {
		net, err := parseRange(strings.TrimSpace(text))
		if err != nil {
			n.add(err, "spec.loadBalancerSourceRanges")
			continue
		}
		if !slices.Contains(r.Nets, net) {
			r.Nets = append(r.Nets, net)
		}
	}
	r.Closed = len(svc.Spec.LoadBalancerSourceRanges) > 0 && len(r.Nets) == 0
	return r
}

func parseRange(text string) (netip.Prefix, error) {
	net, err := netip.ParsePrefix(text)
	if err != nil || net.Addr().Is4In6() && net.Bits() < 96 {
		return netip.Prefix{}, fmt.Errorf("%q is not an address range: one such as 10.0.0.0/8 is needed", text)
	}
	if net.Addr().Is4In6() {
		net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
	}
	return net.Masked(), nil
}
