package xt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/coreos/go-iptables/iptables"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/netfilter"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// lockSeconds is how long a call waits for another's hold on the tables.
const lockSeconds = 5

// tables are the iptables of one family. go-iptables finds the program and knows
// what its version can do. It has neither save nor restore: reading is one
// iptables-save for everything, and chains and jumps change in one
// iptables-restore, so that no half-built chain is ever in use and few processes
// are started. What it starts itself has no limit.
type tables struct {
	program       string
	save, restore string
	prefix        string
	printed       map[string]string    // how iptables prints our rules, where we know
	nft           bool                 // the backend
	right         netfilter.Generation // in which all was as wanted
	refuses       bool                 // filter INPUT did, when it was last read, keep out what no rule lets in
	yielded       map[string]bool      // sets for which all of ours has been taken out in vain
}

// open finds the programs of a family.
func open(f ipset.Family) (*tables, error) {
	name, prefix, protocol := "iptables", state.Prefix4, iptables.ProtocolIPv4
	if f == ipset.IPv6 {
		name, prefix, protocol = "ip6tables", state.Prefix6, iptables.ProtocolIPv6
	}
	t := &tables{prefix: prefix, yielded: map[string]bool{}}
	var err error
	for i, path := range []*string{&t.program, &t.save, &t.restore} {
		program := name + []string{"", "-save", "-restore"}[i]
		if *path, err = exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("find %s: %w", program, err)
		}
	}
	// One that hangs is found here, and killed.
	var version bytes.Buffer
	if err = host.Run(context.Background(), &version, t.program, "", "--version"); err != nil {
		return nil, err
	}
	t.nft = BackendOf(version.String()) == leftovers.NFT
	err = host.WithinLimit(func() error {
		ipt, err := iptables.New(iptables.Path(t.program), iptables.IPFamily(protocol))
		if err == nil && !ipt.HasRandomFully() {
			err = errors.New("it is too old: 1.6.2 or newer is needed")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the version of %s: %w", name, err)
	}
	return t, nil
}

// ensure makes our chains and the jumps to them what program says of a host whose
// filter INPUT keeps out, or not, what no rule lets in. It removes what
// else bears our prefix, and tells how many chains and jumps that were. Nothing
// is written when they are right: as want spells them, or as this version of
// iptables printed them after our last write. Nothing is even read when the
// tables are of the generation in which they were right.
func (t *tables) ensure(ctx context.Context, program func(refuses bool) []chain, now func() netfilter.Generation) (mended int, err error) {
	if !t.nft {
		now = func() netfilter.Generation { return netfilter.Generation{} } // it numbers other rules than ours
	}
	g := now()
	if g.Known && g == t.right {
		return 0, nil
	}
	t.right = netfilter.Generation{}
	held, err := t.dump(ctx)
	if err != nil {
		return 0, err
	}
	want := program(t.refuses)
	todo := t.compare(held, want)
	if !todo.nothing() {
		if err := t.write(ctx, todo); err != nil {
			return 0, err
		}
		g = now()
		if held, err = t.dump(ctx); err != nil {
			return todo.size(), err
		}
		t.remember(held, want)
	}
	if t.compare(held, want).nothing() {
		t.right = g
	}
	return todo.size(), nil
}

// takeOut removes all that is ours, so that nothing refers to the set any more.
// It errs, and removes nothing, if a rule of others does.
func (t *tables) takeOut(ctx context.Context, set string) error {
	held, err := t.dump(ctx)
	if err != nil {
		return err
	}
	for _, p := range held.Places() {
		for _, rule := range held[p] {
			if !strings.HasPrefix(p.Chain, t.prefix) && strings.Contains(rule+" ", " "+set+" ") {
				return fmt.Errorf("a rule of others refers to it: %s %s", p, rule)
			}
		}
	}
	return t.removeFrom(ctx, held)
}

// remove takes out all that is ours.
func (t *tables) remove(ctx context.Context) error {
	held, err := t.dump(ctx)
	if err != nil {
		return err
	}
	return t.removeFrom(ctx, held)
}

func (t *tables) removeFrom(ctx context.Context, held xtables.Dump) error {
	t.right = netfilter.Generation{}
	return t.write(ctx, t.compare(held, nil))
}

// write does what is to be done. Chains are removed by themselves: that a rule of
// others leads to one keeps nothing else from being done.
func (t *tables) write(ctx context.Context, todo changes) error {
	if err := Restore(ctx, t.restore, todo.restoreText()); err != nil {
		return err
	}
	if err := Restore(ctx, t.restore, todo.dropText()); err != nil {
		return fmt.Errorf("delete chains %v: %w", todo.drop, err)
	}
	return nil
}

// touch lists each table that we need. The legacy backend has its modules loaded
// by that, which takes more than CAP_NET_ADMIN.
func (t *tables) touch(ctx context.Context) error {
	for _, table := range []string{"mangle", "nat", "filter"} {
		err := host.Run(ctx, nil, t.program, "", "--wait", fmt.Sprint(lockSeconds), "-t", table, "-S")
		if err != nil {
			return fmt.Errorf("list the chains of iptables table %s: %w", table, err)
		}
	}
	return nil
}

// remember notes how this iptables prints what want says.
func (t *tables) remember(held xtables.Dump, want []chain) {
	t.printed = map[string]string{}
	for _, c := range want {
		if rules := held[c.place()]; len(rules) == len(c.rules) {
			for i, r := range rules {
				t.printed[c.rules[i]] = r
			}
		}
		for _, from := range c.froms() {
			for _, r := range held[from] {
				if xtables.Target(r) == c.name {
					t.printed[c.jump] = r
				}
			}
		}
	}
}

// same tells whether the printed rule is what want says.
func (t *tables) same(want, printed string) bool {
	return want == printed || t.printed[want] == printed
}

func (t *tables) dump(ctx context.Context) (xtables.Dump, error) {
	var out bytes.Buffer
	if err := host.Run(ctx, &out, t.save, ""); err != nil {
		return nil, err
	}
	t.refuses = xtables.Refuses(out.String(), xtables.FilterInput)
	return xtables.Parse(out.String())
}

// Restore has one of the restore programs read input; nothing for nothing.
func Restore(ctx context.Context, program, input string) error {
	if input == "" {
		return nil
	}
	return host.Run(ctx, nil, program, input, "--noflush", "--wait", fmt.Sprint(lockSeconds))
}
