//go:build e2e

package xt

import (
	"errors"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func openHere(t *testing.T) *Rules {
	t.Helper()
	r, err := Open(Config{Rules: rules.Config{Mark: 0x4000}}, host.FindServed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// A set of the usual size, full, becomes large while rules refer to it, and
// takes more than the usual 65,536.
func TestAFullSetGrowsUnderTheRules(t *testing.T) {
	const usual, many = 65536, 70_000
	kerneltest.FreshNamespace(t)
	k := openHere(t)
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
	for _, err := range k.members.Add(name, entries) {
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
	if held := kerneltest.Output(t, "iptables-save"); !strings.Contains(held, "--match-set "+name+" dst") {
		t.Errorf("no rule refers to %s in\n%s", name, held)
	}
	if sets := kerneltest.Output(t, "ipset", "list", "-n"); strings.Contains(sets, "LARGER") {
		t.Errorf("a set is left over:\n%s", sets)
	}
}

func (r *Rules) membersOf(t *testing.T, name string) []ipset.Entry {
	t.Helper()
	members, err := r.members.Members(name)
	if err != nil {
		t.Fatal(err)
	}
	return members
}

// Remove takes out what is ours, members and all, and nothing else; a set that a
// rule of others looks into stays, and is named.
func TestRemoveTakesOutWhatIsOurs(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	if mended, err := k.Prepare(t.Context()); err != nil || mended["set"] != 2*len(state.Sets()) || mended["rule"] == 0 {
		t.Fatal(mended, err)
	}
	kerneltest.Output(t, "ipset", "create", "OTHERS", "hash:ip")
	kerneltest.Output(t, "ipset", "add", "KIPVS-ADDRESSES", "10.96.0.1")
	kerneltest.Output(t, "iptables", "-t", "nat", "-A", "OUTPUT", "-m", "set", "--match-set", "KIPVS-RANGES", "dst", "-j", "RETURN")
	for range 2 {
		err := k.Remove(t.Context())
		if !errors.Is(err, ipset.ErrBusy) || !strings.Contains(err.Error(), "KIPVS-RANGES") {
			t.Errorf("a set that others look into: %v", err)
		}
		if sets := kerneltest.Output(t, "ipset", "list", "-n"); sets != "KIPVS-RANGES\nOTHERS\n" && sets != "OTHERS\nKIPVS-RANGES\n" {
			t.Errorf("sets:\n%s", sets)
		}
		for _, program := range []string{"iptables-save", "ip6tables-save"} {
			held := strings.ReplaceAll(kerneltest.Output(t, program), "--match-set KIPVS-RANGES", "")
			if strings.Contains(held, "KIPVS") {
				t.Errorf("%s:\n%s", program, held)
			}
		}
	}
	kerneltest.Output(t, "iptables", "-t", "nat", "-F", "OUTPUT")
	if err := k.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
