package plan

import (
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// healthFrontends are where p's Service is asked for its health. All its ports
// have them in common.
func healthFrontends(p *cluster.Port, node cluster.Node) (frontends []frontend) {
	if p.Health.Port == 0 {
		return nil
	}
	for _, addr := range node.HealthAddresses {
		frontends = append(frontends, frontend{
			Port:   p,
			Server: state.VirtualServer{Addr: netip.AddrPortFrom(addr, p.Health.Port), Protocol: state.TCP},
			Policy: cluster.Local,
			Origin: HealthPort,
		})
	}
	return frontends
}

// addHealth asks for what answers at f, and for the host to let in
// every client that may ask there. Some load balancers ask at their own address, which is on
// our device: there the host would refuse what is no Service port.
func addHealth(rows state.Rows, f *frontend, node cluster.Node) {
	at, svc := f.Server.Addr, f.Port.Name.Service
	rows.HealthPorts[at] = state.Ready{
		Namespace: svc.Namespace,
		Name:      svc.Name,
		Local:     len(sameFamily(f.Port.Health.Ready, at.Addr())),
	}
	let := func(addr netip.Addr, in state.Set) {
		entry := ipset.IPPort(netip.AddrPortFrom(addr, at.Port()), uint8(state.TCP))
		rows.Members[in.Holding(entry)] = state.None{}
	}
	if !at.Addr().IsUnspecified() {
		let(at.Addr(), state.HealthPorts)
		return
	}
	for _, addr := range sameFamily(node.Addresses, at.Addr()) {
		let(addr, state.HealthPorts)
	}
	for _, addr := range sameFamily(f.Port.IngressIPs, at.Addr()) {
		let(addr, state.HealthPorts)
		if !slices.Contains(node.Addresses, addr) {
			let(addr, state.ServicePorts)
		}
	}
}

func sameFamily(addrs []netip.Addr, as netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return a.Is4() != as.Is4() })
}
