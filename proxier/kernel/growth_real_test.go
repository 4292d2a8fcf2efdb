//go:build e2e

package kernel

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
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

// A device that somebody has removed and that was made anew has another number:
// addresses go to the new one.
func TestAddressesFollowTheDevice(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	bind := func(addr string) error {
		op := reconcile.Op[netip.Addr, state.None]{Verb: reconcile.Create, Key: netip.MustParseAddr(addr)}
		return k.Addresses().Apply(t.Context(), []reconcile.Op[netip.Addr, state.None]{op})[0]
	}
	if err := bind("10.96.0.1"); err != nil {
		t.Fatal(err)
	}
	kerneltest.Output(t, "ip", "link", "del", Device)
	kerneltest.Output(t, "ip", "link", "add", Device, "type", "dummy")
	if err := bind("10.96.0.2"); err != nil {
		t.Errorf("on a device made anew by another program: %v", err)
	}
	kerneltest.Output(t, "ip", "link", "del", Device)
	for _, addr := range []string{"10.96.0.2", "fd00::2"} {
		if err := bind(addr); err != nil {
			t.Errorf("%s without the device: %v, want it to be made", addr, err)
		}
	}
	bound, err := k.Addresses().List(t.Context())
	if err != nil || len(bound) != 2 {
		t.Errorf("%v, %v; want two addresses", bound, err)
	}
	nowhere := reconcile.Op[netip.Addr, state.None]{Verb: reconcile.Create, Key: netip.MustParseAddr("10.96.0.3")}
	if got := k.route.Do([]wire.Request{addressRequest(0, nowhere)})[0]; !errors.Is(got, unix.ENODEV) {
		t.Errorf("an address for device 0: %v, want %v", got, unix.ENODEV)
	}
}
