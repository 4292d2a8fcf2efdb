package plan

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// serve adds what f asks of this node, and tells who answers it where that has to
// be known. A frontend without endpoints is a virtual server without real servers:
// the kernel refuses its clients, and no other node's endpoint is ever used in
// place of a local one.
func (r *Result) serve(f *frontend, node cluster.Node, cfg Config) (answering []netip.AddrPort) {
	rows := r.Rows
	if f.Origin == HealthPort {
		addHealth(rows, f, node)
		return nil
	}
	endpoints := ofFamily(f.Port.Endpoints, f.Server.Addr.Addr())
	rows.VirtualServers[f.Server] = balancing(f.Port, cfg)
	chosen := cluster.Choose(endpoints, f.Policy, node)
	for _, e := range chosen {
		rows.RealServers[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}] = weight(e)
	}
	if len(chosen) == 0 && len(cluster.Choose(endpoints, cluster.Cluster, node)) > 0 {
		// Another node could answer: no refusal that a client would take
		// for the Service's.
		addMember(rows, state.Drop, f.Server)
		r.noLocal(f)
	}
	addAddress(rows, f)
	addRanges(rows, f, node)
	addHairpins(rows, endpoints, f.Server.Protocol)
	if f.Server.Protocol != state.UDP || len(chosen) == 0 {
		return nil
	}
	answering = make([]netip.AddrPort, 0, len(chosen))
	for _, e := range chosen {
		answering = append(answering, e.Addr)
	}
	return sorted(answering)
}

func (r *Result) noLocal(f *frontend) {
	t := Traffic{Internal: !f.outside(), Family: ipset.FamilyOf(f.Server.Addr.Addr())}
	if !slices.Contains(r.NoLocal, t) {
		r.NoLocal = append(r.NoLocal, t)
	}
}

func addAddress(rows state.Rows, f *frontend) {
	for _, set := range f.Sets {
		addMember(rows, set, f.Server)
	}
	if f.Precedence == Alias {
		addMember(rows, state.Aliased, f.Of)
	}
	if f.Bind {
		addr := f.Server.Addr.Addr()
		rows.Addresses[addr] = state.None{}
		rows.Members[state.Addresses.Holding(ipset.IP(addr))] = state.None{}
	}
}

func addMember(rows state.Rows, set state.Set, server state.VirtualServer) {
	rows.Members[set.Holding(ipset.IPPort(server.Addr, uint8(server.Protocol)))] = state.None{}
}

// addRanges restricts f to the Service's source ranges. A process of the node
// has the Service address itself as its source, which then stands for the
// node's own addresses.
func addRanges(rows state.Rows, f *frontend, node cluster.Node) {
	addr := f.Server.Addr.Addr()
	nets, restricted := f.Port.SourceRanges.For(addr)
	if !f.Ranged || !restricted {
		return
	}
	addMember(rows, state.Restricted, f.Server)
	ours := func(net netip.Prefix) bool { return slices.ContainsFunc(node.Addresses, net.Contains) }
	if f.Precedence != Alias && slices.ContainsFunc(nets, ours) {
		nets = append(nets, netip.PrefixFrom(addr, addr.BitLen()))
	}
	for _, net := range nets {
		entry := ipset.IPPortNet(f.Server.Addr, uint8(f.Server.Protocol), net)
		rows.Members[state.Allowed.Holding(entry)] = state.None{}
	}
}

// addHairpins does not ask whether an endpoint is ready: connections that a
// Pod has to itself outlive its readiness.
func addHairpins(rows state.Rows, endpoints []cluster.Endpoint, protocol state.Protocol) {
	for _, e := range endpoints {
		if e.Local {
			entry := ipset.IPPortIP(e.Addr, uint8(protocol), e.Addr.Addr())
			rows.Members[state.Hairpin.Holding(entry)] = state.None{}
		}
	}
}

// ofFamily is a part of endpoints, which are sorted, so that those of IPv4 come
// first.
func ofFamily(endpoints []cluster.Endpoint, addr netip.Addr) []cluster.Endpoint {
	first6 := sort.Search(len(endpoints), func(i int) bool { return endpoints[i].Addr.Addr().Is6() })
	if addr.Is4() {
		return endpoints[:first6]
	}
	return endpoints[first6:]
}
