package kernel

import (
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

// jump is the rule that leads into the chain.
func (c chain) jump() string { return strings.TrimSpace(c.when + " -j " + c.name) }

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

// compare says what has to be done.
func (t *tables) compare(held xtables.Dump, want []chain) (todo changes) {
	wanted := map[xtables.Place]bool{}
	jumps := map[hook]bool{}
	for _, c := range want {
		rules, there := held[c.place()]
		if !there || !slices.EqualFunc(c.rules, rules, t.same) {
			todo.fill = append(todo.fill, c)
		}
		wanted[c.place()] = true
		for _, from := range c.froms() {
			i := slices.IndexFunc(held[from], func(r string) bool { return t.same(c.jump(), r) })
			if i < 0 {
				todo.hook = append(todo.hook, hook{from, c.jump()})
			} else {
				jumps[hook{from, held[from][i]}] = true
			}
		}
	}
	for _, p := range held.Places() {
		for _, rule := range held[p] {
			h := hook{p, rule}
			switch {
			case !strings.HasPrefix(xtables.Target(rule), t.prefix) || strings.HasPrefix(p.Chain, t.prefix):
			case jumps[h]:
				jumps[h] = false // a second copy goes
			default:
				todo.unhook = append(todo.unhook, h)
			}
		}
		if strings.HasPrefix(p.Chain, t.prefix) && !wanted[p] {
			todo.drop = append(todo.drop, p)
		}
	}
	return todo
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
	for _, h := range c.hook {
		r.Insert(h.Place, h.rule)
	}
	for _, h := range c.unhook {
		r.Take(h.Place, h.rule)
	}
	return r.String()
}
