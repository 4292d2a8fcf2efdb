package plan

import (
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Rows says what these fronts of one Service ask of this node. A front without
// endpoints is a virtual server without real servers: the kernel refuses its
// clients, and no other node's endpoint is ever used in place of a local one.
func Rows(fronts []Front, node cluster.Node, cfg Config) state.Rows {
	rows := state.NewRows()
	for _, f := range fronts {
		if f.Health {
			addHealth(rows, f, node)
			continue
		}
		endpoints := ofFamily(f.Port.Endpoints, f.Server.Addr.Addr())
		rows.VirtualServers[f.Server] = state.Balancing{
			Scheduler: cfg.Scheduler,
			Flags:     flags(cfg.Scheduler),
			Affinity:  f.Port.Affinity,
		}
		for _, e := range cluster.Choose(endpoints, f.Policy, node) {
			rows.RealServers[state.RealServer{VirtualServer: f.Server, Addr: e.Addr}] = 1
		}
		addAddress(rows, f)
		addHairpins(rows, endpoints, f.Server.Protocol)
	}
	return rows
}

// flags keep a real server at weight 0 from refusing the clients that are
// hashed to it, and let mh tell the connections of one client apart.
func flags(scheduler string) state.SchedulerFlags {
	switch scheduler {
	case "mh":
		return state.Fallback | state.HashPort
	case "sh":
		return state.Fallback
	}
	return 0
}

func addAddress(rows state.Rows, f Front) {
	for _, set := range f.Sets {
		rows.Members[set.Holding(ipset.IPPort(f.Server.Addr, uint8(f.Server.Protocol)))] = state.None{}
	}
	if f.Bind {
		addr := f.Server.Addr.Addr()
		rows.Addresses[addr] = state.None{}
		rows.Members[state.Addresses.Holding(ipset.IP(addr))] = state.None{}
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

func ofFamily(endpoints []cluster.Endpoint, addr netip.Addr) []cluster.Endpoint {
	var same []cluster.Endpoint
	for _, e := range endpoints {
		if e.Addr.Addr().Is4() == addr.Is4() {
			same = append(same, e)
		}
	}
	return same
}
