package main

import (
	"net/netip"
	"slices"
)

// noAliases are networks in which no address can be a host's that is bound here.
var noAliases = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"),
	netip.MustParsePrefix("::/16"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
}

// aliasRanges are where in-cluster aliases lie. In a smaller network very many
// addresses would share one alias, and in the networks of the Pods none has one.
func (r *reading) aliasRanges(pods []netip.Prefix) (all []netip.Prefix) {
	const flag = "alias-range"
	bad := func(text, must string) { r.problem("", "--%s %q: must %s", flag, text, must) }
	for _, text := range r.line.aliasRange {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			r.problem("", "--%s %q: %s", flag, text, likeCIDR)
			continue
		}
		p = p.Masked()
		least, most := 4, 16
		if p.Addr().Is6() {
			least, most = 8, 64
		}
		sameFamily := func(o netip.Prefix) bool { return o.Addr().Is4() == p.Addr().Is4() }
		switch {
		case slices.ContainsFunc(all, sameFamily):
			bad(text, "not be the second one of its IP family")
		case p.Bits() < least || p.Bits() > most:
			bad(text, "be a network of 4 to 16 bits in IPv4, of 8 to 64 bits in IPv6")
		case slices.ContainsFunc(noAliases, p.Overlaps):
			bad(text, "not contain unspecified, loopback, link-local or multicast addresses")
		case slices.ContainsFunc(pods, p.Overlaps):
			bad(text, "not overlap with "+r.name("clusterCIDR")+" "+r.config.ClusterCIDR)
		default:
			all = append(all, p)
		}
	}
	return all
}
