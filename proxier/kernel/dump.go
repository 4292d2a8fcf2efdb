package kernel

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// place is a chain of a table.
type place struct{ table, chain string }

// dump is what iptables-save printed: the rules of each chain, without "-A
// CHAIN" in front.
type dump map[place][]string

// parseDump reads the output of iptables-save. A dump that does not end each
// table with COMMIT is short and an error.
func parseDump(text string) (dump, error) {
	d := dump{}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '*':
			table = line[1:]
		case line == "COMMIT":
			table = ""
		case table == "":
			return nil, fmt.Errorf("iptables-save: line %q outside of a table", line)
		case line[0] == ':':
			name, _, _ := strings.Cut(line[1:], " ")
			d[place{table, name}] = nil
		case strings.HasPrefix(line, "-A "):
			name, rule, _ := strings.Cut(line[len("-A "):], " ")
			p := place{table, name}
			d[p] = append(d[p], rule)
		default:
			return nil, fmt.Errorf("iptables-save: cannot read line %q", line)
		}
	}
	if table != "" {
		return nil, fmt.Errorf("iptables-save: table %s has no end", table)
	}
	return d, nil
}

// target is the chain or verdict that a rule goes to.
func target(rule string) string {
	words := strings.Fields(rule)
	for i, w := range words[:max(len(words)-1, 0)] {
		if w == "-j" || w == "-g" {
			return words[i+1]
		}
	}
	return ""
}

// places are all chains in a steady order.
func (d dump) places() []place {
	return slices.SortedFunc(maps.Keys(d), func(a, b place) int {
		return strings.Compare(a.table+" "+a.chain, b.table+" "+b.chain)
	})
}

func (c chain) place() place { return place{c.table, c.name} }

// froms are the built-in chains that jump to the chain.
func (c chain) froms() (all []place) {
	for _, name := range c.from {
		all = append(all, place{c.table, name})
	}
	return all
}

// jump is the rule that leads into the chain.
func (c chain) jump() string { return strings.TrimSpace(c.when + " -j " + c.name) }

// hook is one rule of a built-in chain.
type hook struct {
	place
	rule string
}

// changes is what has to be done to make a dump what is wanted.
type changes struct {
	fill   []chain // contents to be replaced
	hook   []hook  // jumps to be put in
	unhook []hook  // jumps to be taken out
	drop   []place // chains to be removed
}

func (c changes) nothing() bool {
	return len(c.fill)+len(c.hook)+len(c.unhook)+len(c.drop) == 0
}

// compare says what has to be done.
func (t *tables) compare(held dump, want []chain) (todo changes) {
	wanted := map[place]bool{}
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
	for _, p := range held.places() {
		for _, rule := range held[p] {
			h := hook{p, rule}
			switch {
			case !strings.HasPrefix(target(rule), t.prefix) || strings.HasPrefix(p.chain, t.prefix):
			case jumps[h]:
				jumps[h] = false // a second copy goes
			default:
				todo.unhook = append(todo.unhook, h)
			}
		}
		if strings.HasPrefix(p.chain, t.prefix) && !wanted[p] {
			todo.drop = append(todo.drop, p)
		}
	}
	return todo
}

// restoreText is the input of iptables-restore for everything but the removal
// of chains. Each table changes at once: no packet meets half a chain, or a
// new chain with an old jump.
func (c changes) restoreText() string {
	names, rules := map[string]string{}, map[string]string{}
	for _, f := range c.fill {
		names[f.table] += fmt.Sprintf(":%s - [0:0]\n", f.name)
		for _, r := range f.rules {
			rules[f.table] += fmt.Sprintf("-A %s %s\n", f.name, r)
		}
	}
	for _, h := range c.hook {
		rules[h.table] += fmt.Sprintf("-I %s 1 %s\n", h.chain, h.rule)
	}
	for _, h := range c.unhook {
		rules[h.table] += fmt.Sprintf("-D %s %s\n", h.chain, h.rule)
	}
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(&b, "*%s\n%s%sCOMMIT\n", table, names[table], rules[table])
	}
	return b.String()
}
