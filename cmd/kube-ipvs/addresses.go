package main

import (
	"net/netip"
	"slices"
	"strings"
)

const likeCIDR = "must be a CIDR, such as 10.0.0.0/8 or fd00::/64"

// prefixes reads the CIDRs in a field, and notes each that is none.
func (r *reading) prefixes(field string, texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			r.problem(field, "%s %q: %s", r.name(field), text, likeCIDR)
			continue
		}
		all = append(all, p.Masked())
	}
	return all
}

// networks are CIDRs, or addresses alone, of a flag of ours.
func (r *reading) networks(flag string, texts []string) (all []netip.Prefix) {
	for _, text := range texts {
		if addr, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			r.problem("", "--%s %q: %s, or an address", flag, text, likeCIDR)
			continue
		}
		all = append(all, p.Masked())
	}
	return all
}

func (r *reading) clusterCIDRs() []netip.Prefix {
	const field = "clusterCIDR"
	all := r.prefixes(field, list(r.config.ClusterCIDR))
	if len(all) > 2 || len(all) == 2 && all[0].Addr().Is4() == all[1].Addr().Is4() {
		r.bad(field, "must be one CIDR, or one of each IP family")
	}
	return all
}

// nodeIP is the zero address when nothing is said.
func (r *reading) nodeIP() netip.Addr {
	ip, err := netip.ParseAddr(r.config.BindAddress)
	if err != nil {
		r.bad("bindAddress", "must be an IP address")
	}
	if ip.IsUnspecified() {
		return netip.Addr{}
	}
	return ip
}

// nodePortAddresses stay words here: what primary stands for is known when
// there is a Node.
func (r *reading) nodePortAddresses() []string {
	const field = "nodePortAddresses"
	var all, loopback []string
	for _, text := range r.config.NodePortAddresses {
		word := strings.TrimSpace(text)
		p, err := netip.ParsePrefix(word)
		keyword := word == "primary" || word == "localhost" || word == "all"
		switch {
		case !keyword && err != nil:
			r.problem(field, "%s %q: must be a CIDR, primary, localhost or all", r.name(field), text)
		case keyword && slices.Contains(all, word):
			r.problem(field, "%s %q: must not be there twice", r.name(field), text)
		case word == "localhost" || err == nil && p.Addr().IsLoopback():
			loopback = append(loopback, word)
		}
		all = append(all, word)
	}
	if loopback != nil {
		r.warn("%s %q: without effect: IPVS cannot serve node ports on loopback addresses", r.name(field), strings.Join(loopback, ","))
	}
	return all
}

// listener is one of the two servers: what it says in a file, where it listens
// if nothing is said, and what the flag says that is only about its port.
type listener struct {
	field, host string
	standard    int32
	portFlag    string
	port        int32
}

// listenAddress is IP:port, or empty when nobody is to listen. An empty field
// of a file stands for the default, because that is what installers write; only
// a flag can turn a listener off. The port is for an address without one.
func (r *reading) listenAddress(l listener) string {
	text, port := *lookup(r.config, l.field).(*string), l.standard
	if r.line.configFile == "" {
		port = l.port
		if port == 0 || text == "" && r.line.given[settingOf(l.field).flag] {
			return ""
		}
	}
	if !within(port, 1, 65535) {
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
	r.bad(l.field, "must be IP:port or IP, with a port from 1 to 65535")
	return ""
}
