package options

import (
	"net/netip"
	"slices"
	"strings"
)

const likeCIDR = "must be a CIDR, such as 10.0.0.0/8 or fd00::/64"

// prefixes reads CIDRs, and notes each that is none.
func (r *reading) prefixes(s setting, texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			r.badPart(s, text, likeCIDR)
			continue
		}
		all = append(all, p.Masked())
	}
	return all
}

// networks carries CIDRs, or addresses alone, of a flag of ours.
func networks(field func(*Options) *[]netip.Prefix) filler {
	return func(r *reading, s setting, o *Options) {
		all := field(o)
		for _, text := range ownOf[[]string](r.line, s.flag) {
			if addr, err := netip.ParseAddr(text); err == nil {
				*all = append(*all, netip.PrefixFrom(addr, addr.BitLen()))
				continue
			}
			p, err := netip.ParsePrefix(text)
			if err != nil {
				r.badPart(s, text, likeCIDR+", or an address")
				continue
			}
			*all = append(*all, p.Masked())
		}
	}
}

func fillExcludeCIDRs(r *reading, s setting, o *Options) {
	o.Kernel.ExcludeCIDRs = r.prefixes(s, r.config.IPVS.ExcludeCIDRs)
}

func fillClusterCIDRs(r *reading, s setting, o *Options) {
	all := r.prefixes(s, list(r.config.ClusterCIDR))
	if len(all) > 2 || len(all) == 2 && all[0].Addr().Is4() == all[1].Addr().Is4() {
		r.bad(s, "must be one CIDR, or one of each IP family")
	}
	o.Proxier.Ranges.Cluster = all
}

// fillNodeIP leaves the zero address when nothing is said.
func fillNodeIP(r *reading, s setting, o *Options) {
	ip, err := netip.ParseAddr(r.config.BindAddress)
	if err != nil {
		r.bad(s, "must be an IP address")
	}
	if !ip.IsUnspecified() {
		o.Proxier.NodePorts.Chosen = ip
	}
}

// wordsOfAddresses stand for networks. What primary stands for is known when
// there is a Node. A loopback range picks nothing: no node port answers on
// loopback addresses.
var wordsOfAddresses = map[string][]netip.Prefix{
	"primary":   nil,
	"all":       {netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	"localhost": {netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
}

func fillNodePorts(r *reading, s setting, o *Options) {
	n := &o.Proxier.NodePorts
	var words, loopback []string
	for _, text := range r.config.NodePortAddresses {
		word := strings.TrimSpace(text)
		within, isWord := wordsOfAddresses[word]
		p, err := netip.ParsePrefix(word)
		switch {
		case !isWord && err != nil:
			r.badPart(s, text, "must be a CIDR, primary, localhost or all")
			continue
		case isWord && slices.Contains(words, word):
			r.badPart(s, text, "must not be there twice")
		case word == "localhost" || err == nil && p.Addr().IsLoopback():
			loopback = append(loopback, word)
		}
		if words = append(words, word); !isWord {
			within = []netip.Prefix{p}
		}
		n.Within = append(n.Within, within...)
	}
	n.Primary = slices.Contains(words, "primary")
	if loopback != nil {
		r.warn("%s %q: without effect: IPVS cannot serve node ports on loopback addresses", r.name(s.field), strings.Join(loopback, ","))
	}
}

// listener is one of the two servers: what it says in a file, where it listens
// if nothing is said, and what the flag says that is only about its port.
type listener struct {
	field, host string
	standard    int32
	portFlag    string
}

// listenAddress is IP:port, or empty when nothing is to listen. An empty field
// of a file stands for the default, because that is what installers write; only
// a flag can turn a listener off. The port is for an address without one.
func (r *reading) listenAddress(l listener) string {
	of := r.of[l.field]
	text, port := *lookup(r.config, l.field).(*string), l.standard
	if r.line.configFile == "" {
		port = ownOf[int32](r.line, l.portFlag)
		if port == 0 || text == "" && r.line.given[of.flag] {
			return ""
		}
	}
	if port < 1 || port > 65535 {
		r.problem(l.field, `--%s "%d": must be from 0 to 65535`, l.portFlag, port)
		return ""
	}
	if text == "" {
		text = l.host
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(ip, uint16(port)).String()
	}
	if to, err := netip.ParseAddrPort(text); err == nil && to.Port() != 0 {
		return to.String()
	}
	r.bad(of, "must be IP:port or IP, with a port from 1 to 65535")
	return ""
}

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
	for _, text := range ownOf[[]string](r.line, flag) {
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
