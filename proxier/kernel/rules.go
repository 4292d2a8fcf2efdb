package kernel

import (
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
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
