package kernel

import (
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Pods says how clients that are Pods of this node are told from others, one of
// three ways. The zero value: not at all.
type Pods struct {
	CIDRs     []netip.Prefix // by their address: the first network of each family
	Listed    bool           // by their address: the networks in the set of local Pods
	Interface string         // by where their packets come in; a + at its end stands for any rest
}

// match is how rules of one family match packets of Pods, and packets of all
// others; empty when they cannot be told. As long as no network is listed
// everybody is another: masqueraded answers find their way.
func (p Pods) match(f ipset.Family) (pods, others string) {
	switch {
	case p.Interface != "":
		return "-i " + p.Interface + " ", "! -i " + p.Interface + " "
	case p.Listed:
		set := "--match-set " + state.LocalPods.Name(f) + " src "
		return "-m set " + set, "-m set ! " + set
	}
	for _, cidr := range p.CIDRs {
		if ipset.FamilyOf(cidr.Addr()) == f {
			from := "-s " + cidr.Masked().String() + " "
			return from, "! " + from
		}
	}
	return "", ""
}
