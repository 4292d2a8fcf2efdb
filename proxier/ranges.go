package proxier

import (
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// These own the rows of the networks that cluster addresses come from, and that
// this node's Pods are in. No Service has such a name.
var (
	ranges   = owner{Name: "service ranges"}
	nodePods = owner{Name: "pods of this node"}
)

// claimNetworks claims the networks that may have changed; all may have where all
// is planned again, or where other hosts have moved.
func (p *Proxier) claimNetworks(moved watch.Moved, all bool) {
	if moved.Ranges || all {
		kept, remarks := plan.Ranges(p.served(networks(p.api.Ranges())), p.needed())
		p.ranges = kept
		p.tables.claim(ranges, plan.RangeRows(kept))
		p.services.remark(&p.services.ofNode, remarks)
	}
	if moved.Node && p.cfg.PodsOfNode {
		p.tables.claim(nodePods, plan.PodRows(p.served(networks(podCIDRs(p.api.Node())))))
	}
}

// needed are the addresses that no range may take from this node.
func (p *Proxier) needed() (all []plan.Needed) {
	for _, addr := range p.node.Addresses {
		all = append(all, plan.Needed{Addr: addr, For: "an address of this node"})
	}
	return append(all, p.planning.Guard.Needed()...)
}

// served are the networks of families that are served.
func (p *Proxier) served(all []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(all, func(n netip.Prefix) bool {
		return !slices.Contains(p.planning.Families, ipset.FamilyOf(n.Addr()))
	})
}

// networks are those of the texts that can be read; the API server has checked
// them.
func networks(texts []string) (all []netip.Prefix) {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p)
		}
	}
	return all
}
