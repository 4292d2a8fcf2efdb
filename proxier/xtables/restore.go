package xtables

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Restore is what iptables-restore --noflush is to do; the zero value does
// nothing. Each table changes at once or not at all: no packet meets half a
// chain.
type Restore struct{ tables map[string]*script }

// script is what is done to one table; chains are declared first.
type script struct{ chains, rules strings.Builder }

// Empty makes the chain, or takes all rules out of it.
func (r *Restore) Empty(p Place) { fmt.Fprintf(&r.table(p).chains, ":%s - [0:0]\n", p.Chain) }

// Append puts a rule at the end of the chain.
func (r *Restore) Append(p Place, rule string) {
	fmt.Fprintf(&r.table(p).rules, "-A %s %s\n", p.Chain, rule)
}

// Insert puts a rule in front of the chain.
func (r *Restore) Insert(p Place, rule string) {
	fmt.Fprintf(&r.table(p).rules, "-I %s 1 %s\n", p.Chain, rule)
}

// Take takes the first rule that reads like this out of the chain.
func (r *Restore) Take(p Place, rule string) {
	fmt.Fprintf(&r.table(p).rules, "-D %s %s\n", p.Chain, rule)
}

// Delete deletes the chain, which has to be empty and unreferenced.
func (r *Restore) Delete(p Place) { fmt.Fprintf(&r.table(p).rules, "-X %s\n", p.Chain) }

func (r *Restore) table(p Place) *script {
	if r.tables == nil {
		r.tables = map[string]*script{}
	}
	if r.tables[p.Table] == nil {
		r.tables[p.Table] = &script{}
	}
	return r.tables[p.Table]
}

// String is the input of iptables-restore; empty for nothing to do.
func (r *Restore) String() string {
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(r.tables)) {
		s := r.tables[table]
		fmt.Fprintf(&b, "*%s\n%s%sCOMMIT\n", table, s.chains.String(), s.rules.String())
	}
	return b.String()
}
