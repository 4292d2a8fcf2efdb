package xt

import (
	"maps"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

func (c chain) place() xtables.Place { return xtables.Place{Table: c.table, Chain: c.name} }

// froms are the built-in chains that jump to the chain.
func (c chain) froms() (all []xtables.Place) {
	for _, name := range c.from {
		all = append(all, xtables.Place{Table: c.table, Chain: name})
	}
	return all
}

// hook is one rule of a built-in chain.
type hook struct {
	xtables.Place
	rule string
}

// changes is what has to be done to make a dump what is wanted.
type changes struct {
	fill   []chain         // contents to be replaced
	hook   []hook          // jumps to be put in
	unhook []hook          // jumps to be taken out
	drop   []xtables.Place // chains to be removed
}

func (c changes) size() int { return len(c.fill) + len(c.hook) + len(c.unhook) + len(c.drop) }

func (c changes) nothing() bool { return c.size() == 0 }

// compare says what has to be done. Jumps of ours that stand in one chain have
// an order: if it is not theirs, or if any is missing or too many, all of them
// there are put in anew.
func (t *tables) compare(held xtables.Dump, want []chain) (todo changes) {
	wanted := map[xtables.Place]bool{}
	jumps := map[xtables.Place][]string{} // in the order in which they are put in, at the top each
	for _, c := range want {
		rules, there := held[c.place()]
		if !there || !slices.EqualFunc(c.rules, rules, t.same) {
			todo.fill = append(todo.fill, c)
		}
		wanted[c.place()] = true
		for _, from := range c.froms() {
			jumps[from] = append(jumps[from], c.jump)
		}
	}
	for _, p := range places(held, jumps) {
		if strings.HasPrefix(p.Chain, t.prefix) {
			if !wanted[p] {
				todo.drop = append(todo.drop, p)
			}
			continue
		}
		ours := slices.DeleteFunc(slices.Clone(held[p]), func(rule string) bool {
			return !strings.HasPrefix(xtables.Target(rule), t.prefix)
		})
		topDown := slices.Clone(jumps[p])
		slices.Reverse(topDown)
		if slices.EqualFunc(topDown, ours, t.same) {
			continue
		}
		for _, rule := range ours {
			todo.unhook = append(todo.unhook, hook{p, rule})
		}
		for _, rule := range jumps[p] {
			todo.hook = append(todo.hook, hook{p, rule})
		}
	}
	return todo
}

// places are all chains that there are, or from which ours are reached.
func places(held xtables.Dump, jumps map[xtables.Place][]string) []xtables.Place {
	all := maps.Clone(held)
	for p := range jumps {
		if _, there := all[p]; !there {
			all[p] = nil
		}
	}
	return all.Places()
}

// restoreText is the input of iptables-restore for everything but the removal
// of chains. Each table changes at once: no packet meets half a chain, or a
// new chain with an old jump.
func (c changes) restoreText() string {
	var r xtables.Restore
	for _, f := range c.fill {
		r.Empty(f.place())
		for _, rule := range f.rules {
			r.Append(f.place(), rule)
		}
	}
	// Taking out finds the first that is the same, which is not to be a new one.
	for _, h := range c.unhook {
		r.Take(h.Place, h.rule)
	}
	for _, h := range c.hook {
		r.Insert(h.Place, h.rule)
	}
	return r.String()
}

// dropText is the input of iptables-restore that removes chains: all are empty
// before the first goes, since they may lead to each other.
func (c changes) dropText() string {
	var r xtables.Restore
	for _, p := range c.drop {
		r.Empty(p)
		r.Delete(p)
	}
	return r.String()
}
