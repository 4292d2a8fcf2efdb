package proxier

import (
	"context"
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// apiServer is the Service whose endpoints are those of the API server itself.
var apiServer = owner{Namespace: "default", Name: "kubernetes"}

// kubeletPort is where the kubelet answers unless its Node says otherwise.
const kubeletPort = 10250

// readGuard gathers what no Service may take from a node with these addresses.
// Where one is several things, the last that is named here counts.
func (p *Proxier) readGuard(own []netip.Addr) plan.Guard {
	g := plan.Guard{Hosts: map[netip.Addr]plan.Reason{}, Ports: map[netip.AddrPort]plan.Reason{}}
	for _, a := range p.waysOut.Resolvers {
		g.Hosts[a] = plan.Resolver
	}
	for _, n := range p.api.Nodes() {
		for _, a := range addressesOf(n) {
			g.Hosts[a] = plan.Node
		}
	}
	for _, a := range p.waysOut.Gateways {
		g.Hosts[a] = plan.Gateway
	}
	for _, at := range p.ownPorts() {
		g.Ports[at] = plan.Daemon
	}
	for _, at := range p.kubelet() {
		g.Ports[at] = plan.Kubelet
	}
	for _, at := range p.apiServers() {
		g.Hosts[at.Addr()] = plan.APIServer
		if slices.Contains(own, at.Addr()) {
			for _, everywhere := range everywhere(at.Port()) { // it listens at the node's other addresses too
				g.Ports[everywhere] = plan.APIServer
			}
		}
	}
	return g
}

// apiServers are where this daemon reaches the API server, and where the API says
// that the API servers are.
func (p *Proxier) apiServers() (all []netip.AddrPort) {
	all = p.reached()
	_, parts := p.api.Service(apiServer)
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
func (p *Proxier) kubelet() []netip.AddrPort {
	port := uint16(kubeletPort)
	if n := p.api.Node(); n != nil && n.Status.DaemonEndpoints.KubeletEndpoint.Port > 0 {
		port = uint16(n.Status.DaemonEndpoints.KubeletEndpoint.Port)
	}
	return everywhere(port)
}

// ownPorts are those that this daemon listens on.
func (p *Proxier) ownPorts() (all []netip.AddrPort) {
	for _, at := range p.cfg.OwnPorts {
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

// guardMoved takes over what is to be guarded now, and tells whether that has
// changed. Services that name an address which has come to it, or has left it, are
// to be planned, or planned again.
func (p *Proxier) guardMoved(moved map[owner][]time.Time, planned map[owner]struct{}) bool {
	now := p.readGuard(p.node.Addresses)
	changed := p.planning.Guard.Differences(now)
	p.planning.Guard = now
	if len(changed) == 0 {
		return false
	}
	concerned := func(svc owner) {
		delete(planned, svc)
		if _, already := moved[svc]; !already {
			moved[svc] = nil
		}
	}
	for _, a := range changed {
		addrs := []netip.Addr{a}
		if a.IsUnspecified() {
			addrs = p.node.Addresses
		}
		for _, addr := range addrs {
			for _, svc := range p.ownership.Naming(addr) {
				concerned(svc)
			}
		}
	}
	for svc, s := range p.services.all {
		if slices.ContainsFunc(s.remarks, plan.Guarded) {
			concerned(svc)
		}
	}
	return true
}

const givingUp = "give up addresses that are not the node's to have"

// giveUp takes from the kernel what it holds at guarded addresses, before the
// cluster is known: an earlier daemon may have bound the API server's address, and
// then nothing would ever be known of it.
func (p *Proxier) giveUp(ctx context.Context) error {
	if held := p.tables.held(); held[p.tables.addresses.Name()]+held[p.tables.virtualServers.Name()] == 0 {
		return nil
	}
	own, _, err := p.readMachine(ctx)
	if err != nil {
		return err
	}
	p.planning.Guard = p.readGuard(own)
	refuses := func(at state.VirtualServer) bool { return p.planning.Guard.Refuses(at, own) }
	host := func(a netip.Addr) bool { return refuses(state.VirtualServer{Addr: netip.AddrPortFrom(a, 0)}) }
	gone := p.tables.addresses.ShrinkWhere(ctx, host)
	gone = gone.Add(p.tables.virtualServers.ShrinkWhere(ctx, refuses))
	gone = gone.Add(p.tables.members.ShrinkWhere(ctx, func(m state.Member) bool { return host(m.Entry.Addr()) }))
	if gone.Deleted > 0 {
		klog.InfoS("The kernel held what no Service may have, and it was removed: traffic there is for the API server or another host", "rows", gone.Deleted)
	}
	return gone.First
}
