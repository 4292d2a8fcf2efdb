package node

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// kubeletPort is where the kubelet answers unless its Node says otherwise.
const kubeletPort = 10250

// Surroundings are the hosts and ports without which this node would be cut off.
type Surroundings struct {
	Own        []netip.Addr  // the node's addresses
	Object     *v1.Node      // this node's; nil while unknown
	Nodes      []*v1.Node    // all that are known
	WaysOut    state.WaysOut // of the machine
	APIServers []netip.AddrPort
	Listening  []netip.AddrPort // where this daemon does
}

// Guard gathers what no Service may take from this node. Where one address is several
// things, the last that is named here counts.
func (s Surroundings) Guard() plan.Guard {
	g := plan.Guard{Hosts: map[netip.Addr]plan.Reason{}, Ports: map[netip.AddrPort]plan.Reason{}}
	for _, a := range s.WaysOut.Resolvers {
		g.Hosts[a] = plan.Resolver
	}
	for _, n := range s.Nodes {
		for _, a := range addressesOf(n) {
			g.Hosts[a] = plan.Node
		}
	}
	for _, a := range s.WaysOut.Gateways {
		g.Hosts[a] = plan.Gateway
	}
	for _, at := range s.listening() {
		g.Ports[at] = plan.Daemon
	}
	for _, at := range s.kubelet() {
		g.Ports[at] = plan.Kubelet
	}
	for _, at := range s.APIServers {
		g.Hosts[at.Addr()] = plan.APIServer
		if slices.Contains(s.Own, at.Addr()) {
			for _, everywhere := range everywhere(at.Port()) { // it listens at the node's other addresses too
				g.Ports[everywhere] = plan.APIServer
			}
		}
	}
	return g
}

// Endpoints are the addresses and ports of slices.
func Endpoints(parts []*discovery.EndpointSlice) (all []netip.AddrPort) {
	for _, slice := range parts {
		for _, e := range slice.Endpoints {
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil {
					all = append(all, onPorts(addr.Unmap(), slice.Ports)...)
				}
			}
		}
	}
	return all
}

func onPorts(addr netip.Addr, ports []discovery.EndpointPort) (all []netip.AddrPort) {
	for _, port := range ports {
		if port.Port != nil {
			all = append(all, netip.AddrPortFrom(addr, uint16(*port.Port)))
		}
	}
	return all
}

// addressesOf are the addresses by which a Node can be reached.
func addressesOf(n *v1.Node) (all []netip.Addr) {
	for _, a := range n.Status.Addresses {
		if addr, err := netip.ParseAddr(a.Address); err == nil && (a.Type == v1.NodeInternalIP || a.Type == v1.NodeExternalIP) {
			all = append(all, addr.Unmap())
		}
	}
	return all
}

// kubelet is where this node's kubelet answers, on each of its addresses.
func (s Surroundings) kubelet() []netip.AddrPort {
	port := uint16(kubeletPort)
	if n := s.Object; n != nil && n.Status.DaemonEndpoints.KubeletEndpoint.Port > 0 {
		port = uint16(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	}
	return everywhere(port)
}

// listening are the ports that this daemon listens on.
func (s Surroundings) listening() (all []netip.AddrPort) {
	for _, at := range s.Listening {
		if at.Addr().IsUnspecified() {
			all = append(all, everywhere(at.Port())...) // of both families, as listeners are
		} else {
			all = append(all, at)
		}
	}
	return all
}

func everywhere(port uint16) []netip.AddrPort {
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPortFrom(netip.IPv6Unspecified(), port)}
}
