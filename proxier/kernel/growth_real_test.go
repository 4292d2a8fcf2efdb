//go:build e2e

package kernel

import (
	"errors"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// A set of the usual size, full, becomes large while rules refer to it, and
// takes more than the usual 65,536.
func TestAFullSetGrowsUnderTheRules(t *testing.T) {
	const usual, many = 65536, 70_000
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	// As another release would have left it: small, and with a rule on it.
	name := state.Addresses.Name(ipset.IPv4)
	kerneltest.Output(t, "ipset", "create", "small", "hash:ip", "maxelem", "65536")
	kerneltest.Output(t, "ipset", "swap", "small", name)
	kerneltest.Output(t, "ipset", "destroy", "small")
	entries := manyAddresses(many)
	refused := 0
	for _, err := range k.sets.Add(name, entries) {
		if errors.Is(err, ipset.ErrFull) {
			refused++
		}
	}
	// The kernel counts the members of a large set only roughly.
	if before := len(k.membersOf(t, name)); refused == 0 || before+refused != many || before < usual*9/10 {
		t.Fatalf("%d of %d are in, %d were refused: the set is not full", before, many, refused)
	}
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ops := make([]reconcile.Op[state.Member, state.None], many)
	for i, e := range entries {
		ops[i] = reconcile.Op[state.Member, state.None]{Verb: reconcile.Create, Key: state.Addresses.Holding(e)}
	}
	if err := errors.Join(k.Members().Apply(t.Context(), ops)...); err != nil {
		t.Fatal(err)
	}
	if n := len(k.membersOf(t, name)); n != many {
		t.Errorf("%d members, want %d", n, many)
	}
	if rules := kerneltest.Output(t, "iptables-save"); !strings.Contains(rules, "--match-set "+name+" dst") {
		t.Errorf("no rule refers to %s in\n%s", name, rules)
	}
	if sets := kerneltest.Output(t, "ipset", "list", "-n"); strings.Contains(sets, "LARGER") {
		t.Errorf("a set is left over:\n%s", sets)
	}
}

func (k *Kernel) membersOf(t *testing.T, name string) []ipset.Entry {
	t.Helper()
	members, err := k.sets.Members(name)
	if err != nil {
		t.Fatal(err)
	}
	return members
}
