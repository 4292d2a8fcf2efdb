package node

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Occupied are the networks of the cluster as far as they reach into the ranges of
// in-cluster aliases: no Service may have an alias there.
func Occupied(aliases state.Aliases, pods []netip.Prefix, nodes []*v1.Node, services []netip.Prefix) plan.Networks {
	names := map[netip.Prefix]string{}
	note := func(what string, all ...netip.Prefix) {
		for _, p := range all {
			p = p.Masked()
			if _, already := names[p]; !already && aliases.Range(p.Addr()).Overlaps(p) {
				names[p] = what
			}
		}
	}
	note("the network of the cluster's Pods", pods...)
	note("a Service range", services...)
	for _, n := range nodes {
		note("a network of the Pods of a Node", PodCIDRs(n)...)
	}
	return plan.NewNetworks(names)
}

// PodCIDRs are the networks of the Node's Pods. It may get them long after it is
// there.
func PodCIDRs(object *v1.Node) []netip.Prefix {
	switch {
	case object == nil:
		return nil
	case len(object.Spec.PodCIDRs) == 0 && object.Spec.PodCIDR != "":
		return Networks([]string{object.Spec.PodCIDR})
	}
	return Networks(object.Spec.PodCIDRs)
}

// Networks are those of the texts that can be read; the API server has checked
// them.
func Networks(texts []string) (all []netip.Prefix) {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// Served are the networks of families that are served.
func Served(all []netip.Prefix, families []ipset.Family) []netip.Prefix {
	return slices.DeleteFunc(all, func(n netip.Prefix) bool {
		return !slices.Contains(families, ipset.FamilyOf(n.Addr()))
	})
}

// Needed are the addresses that no range of cluster addresses may take from this node.
func Needed(own []netip.Addr, guard plan.Guard) (all []plan.Needed) {
	for _, addr := range own {
		all = append(all, plan.Needed{Addr: addr, For: "an address of this node"})
	}
	return append(all, guard.Needed()...)
}
