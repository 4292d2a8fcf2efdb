package nft

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// change is a transaction in the making that brings a table to what it should be.
type change struct {
	table
	requests    []wire.Request
	sets, rules int // that it puts right
}

func (c *change) add(r wire.Request) { c.requests = append(c.requests, r) }

// towards says what differs between the table and the program, and nothing else.
func towards(p rules.Program, now found) *change {
	c := &change{table: now.table}
	chains, sets := chainsOf(p), setsOf(p.Family)
	if !now.there || now.dormant {
		c.add(c.newTable())
	}
	wrong := c.wrongSets(sets, now)
	// A set that rules look into cannot be replaced.
	differ := func(w chain) bool {
		have, there := now.chains[w.name]
		return len(wrong) > 0 || !there || now.dormant || !have.is(w)
	}
	c.emptyChains(chains, now, differ)
	for _, name := range wrong {
		c.add(c.deleteSet(name))
	}
	c.makeSets(sets, now, wrong)
	for _, w := range chains {
		if have, there := now.chains[w.name]; !there || !have.standsAt(w.at) {
			c.add(c.newChain(w))
		}
	}
	for _, w := range chains {
		if !differ(w) {
			continue
		}
		for _, r := range w.rules {
			c.add(c.newRule(w.name, r))
		}
		c.rules += max(1, len(w.rules)-same(now.chains[w.name].comments, w))
	}
	return c
}

// standsAt tells whether packets enter the chain there, and leave it at its end.
func (have foundChain) standsAt(at place) bool { return have.at == at && !have.drops }

func (have foundChain) is(w chain) bool {
	return have.standsAt(w.at) && len(have.comments) == len(w.rules) && same(have.comments, w) == len(w.rules)
}

// same counts the rules that are there.
func same(comments []string, w chain) (n int) {
	for _, r := range w.rules {
		if slices.Contains(comments, r.comment) {
			n++
		}
	}
	return n
}

// wrongSets are those that have to go: with another shape, or of no use.
func (c *change) wrongSets(sets []set, now found) (names []string) {
	wanted := map[string]shape{}
	for _, s := range sets {
		wanted[s.name] = s.shape()
	}
	for _, name := range slices.Sorted(maps.Keys(now.sets)) {
		if want, known := wanted[name]; !known || want != now.sets[name] {
			names = append(names, name)
		}
	}
	return names
}

// emptyChains empties what is to be written anew, and deletes chains that stand
// in the wrong place, or for which there is no use. All are empty before the
// first is deleted: they lead to each other.
func (c *change) emptyChains(chains []chain, now found, differ func(chain) bool) {
	wanted := map[string]chain{}
	for _, w := range chains {
		wanted[w.name] = w
	}
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(now.chains)) {
		w, known := wanted[name]
		if known && !differ(w) {
			continue
		}
		if len(now.chains[name].comments) > 0 {
			c.add(c.emptyChain(name))
		}
		if !known || !now.chains[name].standsAt(w.at) {
			gone = append(gone, name)
		}
	}
	for _, name := range gone {
		c.add(c.deleteChain(name))
	}
}

func (c *change) makeSets(sets []set, now found, wrong []string) {
	for i, s := range sets {
		if _, there := now.sets[s.name]; there && !slices.Contains(wrong, s.name) {
			continue
		}
		c.add(c.newSet(s, uint32(i+1)))
		c.sets++
	}
}

// Mended is how many objects of each kind were missing or different.
type Mended struct{ Sets, Rules int }

// bring makes the table hold the chains of the program and its sets, which are
// empty where they were not there. It writes nothing if all is as it should be.
// ErrForeign: another program has a table of this name.
func (t table) bring(c *wire.Conn, p rules.Program) (mended, error) {
	now, err := t.read(c)
	if err != nil {
		return mended{}, err
	}
	change := towards(p, now)
	if len(change.requests) == 0 {
		return mended{}, nil
	}
	if err := transact(c, change.requests); err != nil {
		return mended{}, fmt.Errorf("write table %s of nftables: %w", t, err)
	}
	return mended{change.sets, change.rules}, nil
}

// mended is how many were missing or different.
type mended struct{ sets, rules int }

// probe tries to make the table, and leaves nothing of it: all in one transaction.
func (t table) probe(c *wire.Conn, p rules.Program) error {
	all := towards(p, found{table: t})
	all.add(t.deleteTable())
	if err := transact(c, all.requests); err != nil {
		return fmt.Errorf("try a table %s of nftables: %w", t, err)
	}
	return nil
}

// remove deletes the table, if there is one of ours.
func (t table) remove(c *wire.Conn) error {
	now, err := t.read(c)
	if err != nil || !now.there {
		return err
	}
	if err := transact(c, []wire.Request{t.deleteTable()}); err != nil {
		return fmt.Errorf("delete table %s of nftables: %w", t, err)
	}
	return nil
}

// transact carries out all of the requests, or none and says why.
func transact(c *wire.Conn, requests []wire.Request) error {
	return wire.Translate(cmp.Or(c.Transact(unix.NFNL_SUBSYS_NFTABLES, requests)...), map[unix.Errno]error{
		unix.EOPNOTSUPP: errors.New("the kernel has no nftables"),
		unix.ENOENT:     errors.New("the kernel lacks a module of nftables"),
	})
}
