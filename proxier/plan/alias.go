package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// aliases are the in-cluster aliases of those frontends that serve clients from
// outside with policy Local: further frontends, for Pods and the node itself, who may
// use all endpoints and are led here by the rules. They are there whether or not
// the two lists of endpoints differ just now, so that no client is led elsewhere when
// that changes. Where there can be none, clients inside of the cluster are served
// like those from outside, and a remark says so.
func aliases(frontends []frontend, taken map[state.VirtualServer]bool, node cluster.Node, cfg Config) (all []frontend, remarks []cluster.Remark) {
	for _, f := range frontends {
		if f.Origin == HealthPort || !f.outside() || f.Policy != cluster.Local {
			continue
		}
		alias, ok := cfg.Aliases.Of(f.Server)
		problem := ""
		if !ok {
			problem = fmt.Sprintf("it lies in %s itself, where in-cluster aliases are", cfg.Aliases.Range(f.Server.Addr.Addr()))
		} else if why := cfg.noAlias(alias.Addr.Addr(), node); why != "" {
			problem = fmt.Sprintf("its in-cluster alias %s %s", alias.Addr.Addr(), why)
		} else if taken[alias] {
			problem = fmt.Sprintf("its in-cluster alias %s is that of another address of the Service", alias.Addr.Addr())
		}
		if problem != "" {
			remarks = append(remarks, f.Port.Remark(f.Origin.Field(), withoutAlias(f.Server, problem)))
			continue
		}
		taken[alias] = true
		f.Of, f.Server, f.Precedence, f.Policy, f.Bind = f.Server, alias, Alias, cluster.Cluster, true
		f.Sets = []state.Set{state.ServicePorts, state.AliasPorts}
		all = append(all, f)
	}
	return all, remarks
}

// noAlias says why no Service may have an in-cluster alias at addr, or nothing: bound
// here it would be cut off from this node.
func (cfg Config) noAlias(addr netip.Addr, node cluster.Node) string {
	if slices.Contains(node.Addresses, addr) {
		return "is an address of this node"
	}
	if why, guarded := cfg.Guard.host(addr, Claimed); guarded {
		return "is an address of " + reasons[why].one
	}
	if addr == broadcast {
		return "is the broadcast address"
	}
	if in, occupied := cfg.Occupied.find(addr); occupied {
		return "lies in " + in
	}
	return ""
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func withoutAlias(of state.VirtualServer, why string) string {
	return fmt.Sprintf("clients in the cluster are served like those from outside at %s: %s", of, why)
}
