package found

import (
	"context"
	"fmt"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// InOtherBackend is an error if rules of ours stand in another backend than the
// one that is to be used: those would go on to decide about packets, by sets that
// no program keeps any more.
func (m *Machine) InOtherBackend(use rules.Backend) error {
	if use != rules.NFTables {
		tables, err := m.netfilter.Tables()
		if i := slices.IndexFunc(tables, leftovers.OurTable); err == nil && i >= 0 {
			err = inOther("table "+tables[i]+" of nftables", rules.IPTables, rules.NFTables)
		}
		return err
	}
	l := &look{m: m, found: leftovers.Found{Scope: leftovers.Cleanup, Rules: map[leftovers.Where]xtables.Dump{}}}
	l.rules(context.Background())
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		for _, b := range []leftovers.Backend{leftovers.NFT, leftovers.Legacy} {
			where := leftovers.Where{Backend: b, Family: f}
			for _, p := range l.found.Rules[where].Places() {
				if leftovers.OurChain(p) {
					return inOther(fmt.Sprintf("chain %s of %s", p, where), rules.NFTables, rules.IPTables)
				}
			}
		}
	}
	return nil
}

func inOther(what string, use, other rules.Backend) error {
	return fmt.Errorf("--rules=%s: %s is there, which --rules=%s has made: start with that, or run kube-ipvs --cleanup first", use, what, other)
}
