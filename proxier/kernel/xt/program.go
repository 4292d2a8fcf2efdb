package xt

import (
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// chain is one of our iptables chains with its rules, in the words of
// iptables-save, and the jumps that lead into it.
type chain struct {
	table string
	name  string
	from  []string // the built-in chains that jump here
	jump  string   // the rule with which they do
	rules []string
}

// program is the whole of our iptables rules for one family.
func program(f ipset.Family, cfg rules.Config) (all []chain) {
	for _, c := range rules.For(f, cfg).Chains {
		printed := chain{table: string(c.Table), name: c.Name, jump: c.Jump(f)}
		for _, hook := range c.Hooks {
			printed.from = append(printed.from, string(hook))
		}
		for _, r := range c.Rules {
			printed.rules = append(printed.rules, r.Text(f))
		}
		all = append(all, printed)
	}
	return all
}

// Accepts tells whether our chain in filter INPUT lets in Services.
func Accepts(d xtables.Dump) bool {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		for _, c := range program(f, rules.Config{Accept: true}) {
			for _, r := range c.rules {
				if strings.HasSuffix(c.name, "FILTER") && xtables.Target(r) == "ACCEPT" && slices.Contains(d[c.place()], r) {
					return true
				}
			}
		}
	}
	return false
}
