package nft

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// chain is one chain of our table.
type chain struct {
	name  string
	at    place // the zero place: where rules of others lead to it
	rules []rule
}

// place is where packets enter a chain.
type place struct {
	hook     uint32
	priority int32
	kind     string // of chain: filter or nat
}

// rule is one rule. Its comment names it, and is another for other code: rules
// are told apart by it.
type rule struct {
	comment string
	code    code
}

// kinds are the types of chains in nftables, and how they stand to those of
// iptables: just before. IPVS takes packets in INPUT at 98 and in OUTPUT at -98.
var kinds = map[rules.Table]struct {
	kind     string
	priority map[rules.Hook]int32
}{
	rules.Mangle: {"filter", map[rules.Hook]int32{rules.Input: -151, rules.Output: -151}},
	rules.NAT:    {"nat", map[rules.Hook]int32{rules.Prerouting: -101, rules.Output: -101, rules.Postrouting: 99}},
	rules.Filter: {"filter", map[rules.Hook]int32{rules.Input: -1, rules.Forward: -1, rules.Output: -1}},
}

var hooks = map[rules.Hook]uint32{
	rules.Prerouting: unix.NF_INET_PRE_ROUTING, rules.Input: unix.NF_INET_LOCAL_IN, rules.Forward: unix.NF_INET_FORWARD,
	rules.Output: unix.NF_INET_LOCAL_OUT, rules.Postrouting: unix.NF_INET_POST_ROUTING,
}

// inOrder are the places of chains, so that a program is always the same.
var inOrder = []struct {
	table rules.Table
	hook  rules.Hook
}{
	{rules.Mangle, rules.Input},
	{rules.Mangle, rules.Output},
	{rules.NAT, rules.Prerouting},
	{rules.NAT, rules.Output},
	{rules.NAT, rules.Postrouting},
	{rules.Filter, rules.Input},
	{rules.Filter, rules.Forward},
	{rules.Filter, rules.Output},
}

// baseName is the name of the chain at a hook, "KIPVS-NAT-PREROUTING".
func baseName(f ipset.Family, t rules.Table, h rules.Hook) string {
	prefix := state.Prefix4
	if f == ipset.IPv6 {
		prefix = state.Prefix6
	}
	return prefix + strings.ToUpper(string(t)) + "-" + string(h)
}

// chainsOf are the chains of a program: first those that others lead to.
func chainsOf(p rules.Program) (all []chain) {
	for _, c := range p.Chains {
		to := chain{name: c.Name}
		for i, r := range c.Rules {
			code := matches(r.If, p)
			to.rules = append(to.rules, named(fmt.Sprintf("%s rule %d", c.Name, i+1), action(code, r.Then, c.Table, p)))
		}
		all = append(all, to)
	}
	for _, at := range inOrder {
		kind := kinds[at.table]
		base := chain{name: baseName(p.Family, at.table, at.hook), at: place{hooks[at.hook], kind.priority[at.hook], kind.kind}}
		// Of two chains at one hook the later one sees packets first.
		for _, c := range slices.Backward(p.Chains) {
			if c.Table == at.table && slices.Contains(c.Hooks, at.hook) {
				base.rules = append(base.rules, named("to "+c.Name, matches(c.When, p).verdict(unix.NFT_JUMP, c.Name)))
			}
		}
		if len(base.rules) > 0 {
			all = append(all, base)
		}
	}
	return all
}

func named(name string, c code) rule {
	sum := sha256.Sum256(c)
	return rule{fmt.Sprintf("%s %x", name, sum[:6]), c}
}

func matches(all []rules.Match, p rules.Program) (c code) {
	for _, m := range all {
		c = match(c, m, p)
	}
	return c
}
