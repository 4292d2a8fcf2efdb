package proxier

import (
	"net/netip"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// occupied are the networks of the cluster as far as they reach into the ranges of
// in-cluster aliases: nobody may have an alias there.
func occupied(cfg Config, nodes []*v1.Node, serviceRanges []string) plan.Networks {
	names, aliases := map[netip.Prefix]string{}, state.AliasesIn(cfg.AliasRanges)
	note := func(what string, all ...netip.Prefix) {
		for _, p := range all {
			p = p.Masked()
			if _, already := names[p]; !already && aliases.Range(p.Addr()).Overlaps(p) {
				names[p] = what
			}
		}
	}
	note("the network of the cluster's Pods", cfg.ClusterCIDRs...)
	note("a Service range", networks(serviceRanges)...)
	for _, n := range nodes {
		note("a network of the Pods of a Node", networks(podCIDRs(n))...)
	}
	return plan.NewNetworks(names)
}

// occupiedMoved looks at them anew and tells whether they are other ones.
func (p *Proxier) occupiedMoved() bool {
	now := occupied(p.cfg, p.api.Nodes(), p.api.Ranges())
	if now.Equal(p.planning.Occupied) {
		return false
	}
	p.planning.Occupied = now
	return true
}
