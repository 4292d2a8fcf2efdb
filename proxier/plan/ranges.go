package plan

import (
	"fmt"
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Needed is an address that the cluster cannot do without, though no Service has
// it.
type Needed struct {
	Addr netip.Addr
	For  string // in words: "an address of the API server"
}

// Ranges are those of all, where cluster addresses come from, whose other
// addresses can be refused. A range that contains an address which is needed is
// left out, and remarked upon: the rules would cut the node off.
func Ranges(all []netip.Prefix, needed []Needed) (kept []netip.Prefix, remarks []cluster.Remark) {
	for _, r := range all {
		problem := ""
		for _, n := range needed {
			if r.Contains(n.Addr) {
				problem = fmt.Sprintf("%s contains %s, %s: addresses in it that no Service has are not refused", r, n.Addr, n.For)
				break
			}
		}
		if problem == "" {
			kept = append(kept, r)
			continue
		}
		remarks = append(remarks, cluster.Remark{Object: "ServiceCIDR", Field: "spec.cidrs", Problem: problem})
	}
	return kept, remarks
}

// RangeRows are the rows for the ranges in which addresses are refused that no
// Service has, whichever Services there are.
func RangeRows(ranges []netip.Prefix) state.Rows {
	return networks(state.Ranges, ranges)
}

// PodRows are the rows for the networks of this node's Pods.
func PodRows(pods []netip.Prefix) state.Rows {
	return networks(state.LocalPods, pods)
}

// networks are members of one set. None can hold all addresses of a family.
func networks(in state.Set, all []netip.Prefix) state.Rows {
	rows := state.NewRows()
	for _, n := range all {
		if n.Bits() > 0 {
			rows.Members[in.Holding(ipset.Net(n.Masked()))] = state.None{}
		}
	}
	return rows
}
