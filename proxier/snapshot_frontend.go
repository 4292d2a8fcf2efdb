package proxier

import (
	"net/netip"

	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var families = map[ipset.Family]string{ipset.IPv4: "IPv4", ipset.IPv6: "IPv6"}

func (v view) frontend(f plan.Frontend, endpoints []cluster.Endpoint, pods map[netip.Addr]string) snapshot.Frontend {
	frontend := snapshot.Frontend{
		Port: f.Port, Kind: f.Origin.String(), Server: f.Server, Of: f.Of, Policy: string(f.Policy), Owned: f.Held, Bound: f.Bound,
	}
	if f.Origin == plan.HealthPort {
		return frontend
	}
	for _, e := range endpoints {
		if e.Addr.Addr().Is4() != f.Server.Addr.Addr().Is4() {
			continue
		}
		_, chosen := v.rows.RealServers[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}]
		frontend.Endpoints = append(frontend.Endpoints, snapshot.Endpoint{
			Addr: e.Addr, Pod: pods[e.Addr.Addr()], Local: e.Local, Chosen: chosen,
			Ready: e.Ready, Serving: e.Serving, Terminating: e.Terminating,
		})
	}
	return frontend
}

// behind are the endpoints of the port that is served at f.
func behind(ports []cluster.Port, f plan.Frontend) []cluster.Endpoint {
	for _, p := range ports {
		if p.Name.Port == f.Port && p.Port == f.Number && string(p.Protocol) == f.Server.Protocol.String() {
			return p.Endpoints
		}
	}
	return nil
}

// podsOf are the names of the Pods behind endpoints, as far as slices tell:
// package watch leaves them in place of host names.
func podsOf(all []*discovery.EndpointSlice) map[netip.Addr]string {
	pods := map[netip.Addr]string{}
	for _, s := range all {
		for _, e := range s.Endpoints {
			if e.Hostname == nil {
				continue
			}
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil {
					pods[addr.Unmap()] = *e.Hostname
				}
			}
		}
	}
	return pods
}

// claimed is all that one owner wants.
func (t tables) claimed(by owner) state.Rows {
	return state.Rows{
		Members: t.members.Wishes(by), VirtualServers: t.virtualServers.Wishes(by),
		RealServers: t.realServers.Wishes(by), Addresses: t.addresses.Wishes(by), HealthPorts: t.healthPorts.Wishes(by),
	}
}
