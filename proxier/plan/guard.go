package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Guard is what no Service may take from this node, whatever it names: without
// it the node, or the whole cluster, would be cut off, and might never hear that
// the Service is gone.
type Guard struct {
	Hosts map[netip.Addr]Reason     // addresses of other hosts, with all their ports
	Ports map[netip.AddrPort]Reason // TCP on addresses of this node; an unspecified one stands for all of them
}

// Reason says what a guarded address or port is. It is a label of metrics.
type Reason string

// The reasons, with what is at the address in words for one and for many.
const (
	APIServer Reason = "api-server"
	Gateway   Reason = "gateway"
	Node      Reason = "node"
	Resolver  Reason = "resolver"
	Kubelet   Reason = "kubelet"
	Daemon    Reason = "daemon"
)

var reasons = map[Reason]struct{ one, many string }{
	APIServer: {"the API server", "the API server"},
	Gateway:   {"the default gateway", "default gateways"},
	Node:      {"a Node of this cluster", "Nodes of this cluster"},
	Resolver:  {"a resolver of this node", "resolvers of this node"},
	Kubelet:   {"the kubelet", "the kubelet"},
	Daemon:    {"kube-ipvs", "kube-ipvs"},
}

// Guarded tells whether a remark says that something is guarded.
func Guarded(r cluster.Remark) bool {
	_, is := reasons[Reason(r.Reason)]
	return is
}

// host is why another host's address may not be had by this precedence, if so. A
// cluster address is given out by the API server, so that what a Node says of
// itself does not take it away; and it may well be that of this node's resolver.
func (g Guard) host(addr netip.Addr, precedence Precedence) (Reason, bool) {
	why, guarded := g.Hosts[addr]
	return why, guarded && (precedence == Claimed || why == APIServer || why == Gateway)
}

// port is why this port of an address of the node itself may not be had, if so.
func (g Guard) port(at state.VirtualServer) (why Reason, guarded bool) {
	if at.Protocol != state.TCP {
		return "", false
	}
	everywhere := netip.IPv4Unspecified()
	if at.Addr.Addr().Is6() {
		everywhere = netip.IPv6Unspecified()
	}
	for _, addr := range []netip.Addr{at.Addr.Addr(), everywhere} {
		if why, guarded = g.Ports[netip.AddrPortFrom(addr, at.Addr.Port())]; guarded {
			return why, true
		}
	}
	return "", false
}

// Refuses tells whether a row at this address must not be in the kernel of a node
// with these addresses, whichever program has put it there.
func (g Guard) Refuses(at state.VirtualServer, own []netip.Addr) bool {
	if slices.Contains(own, at.Addr.Addr()) {
		_, guarded := g.port(at)
		return guarded
	}
	_, guarded := g.host(at.Addr.Addr(), Claimed)
	return guarded
}

// Needed are the hosts that no range of cluster addresses may take from this node.
// A resolver may well be a Service.
func (g Guard) Needed() (all []Needed) {
	for _, a := range slices.SortedFunc(maps.Keys(g.Hosts), netip.Addr.Compare) {
		if why := g.Hosts[a]; why != Resolver {
			all = append(all, Needed{Addr: a, For: "an address of " + reasons[why].one})
		}
	}
	return all
}

// Differences are the addresses about which g and other do not say the same; an
// unspecified one stands for all addresses of the node.
func (g Guard) Differences(other Guard) (addrs []netip.Addr) {
	for _, of := range [][2]Guard{{g, other}, {other, g}} {
		for a, why := range of[0].Hosts {
			if of[1].Hosts[a] != why {
				addrs = append(addrs, a)
			}
		}
		for at, why := range of[0].Ports {
			if of[1].Ports[at] != why {
				addrs = append(addrs, at.Addr())
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// refusals are the guarded addresses that one Service names, by field and reason:
// there may be thousands of Nodes, and one remark is enough.
type refusals map[refusal][]string

type refusal struct {
	from Origin
	why  Reason
}

// note has the port where it is about one port only.
func (r refusals) note(f frontend, why Reason, node cluster.Node) {
	addr := f.Server.Addr.Addr()
	text := addr.String()
	if slices.Contains(node.Addresses, addr) {
		text = f.Server.Addr.String()
	}
	of := refusal{f.Origin, why}
	r[of] = append(r[of], text)
}

// namedAtOnce is how many addresses a remark has by name.
const namedAtOnce = 3

// remarks say nothing of other Nodes where a Service names this one beside them:
// each then serves its own address.
func (r refusals) remarks(p *cluster.Port, node cluster.Node) (all []cluster.Remark) {
	for of, names := range r {
		if of.why == Node && namesOwn(p, of.from, node) {
			continue
		}
		slices.Sort(names)
		names = slices.Compact(names)
		verb, whose := "is", reasons[of.why].one
		if len(names) > 1 {
			verb, whose = "are", reasons[of.why].many
		}
		text := strings.Join(names[:min(len(names), namedAtOnce)], ", ")
		if more := len(names) - namedAtOnce; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		remark := p.Remark(of.from.Field(), fmt.Sprintf("%s %s not served here: traffic there is for %s", text, verb, whose))
		remark.Reason = string(of.why)
		all = append(all, remark)
	}
	return all
}

func namesOwn(p *cluster.Port, from Origin, node cluster.Node) bool {
	named := map[Origin][]netip.Addr{ExternalIP: p.ExternalIPs, LoadBalancer: p.IngressIPs}[from]
	return slices.ContainsFunc(named, func(a netip.Addr) bool { return slices.Contains(node.Addresses, a) })
}
