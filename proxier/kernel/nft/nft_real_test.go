//go:build e2e

package nft

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// fresh gives the test a network namespace of its own, and its thread is never
// used again.
func fresh(t testing.TB, cfg rules.Config) *Rules {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("CAP_SYS_ADMIN is missing: %v", err)
	}
	return opened(t, cfg)
}

// opened is in the network namespace of this thread.
func opened(t testing.TB, cfg rules.Config) *Rules {
	t.Helper()
	r, err := Open(cfg, host.FindServed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// prepare tells what it has mended.
func prepare(t testing.TB, r *Rules) state.Mended {
	t.Helper()
	mended, err := r.Prepare(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(mended, func(_ string, n int) bool { return n == 0 })
	return mended
}

func output(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// What has been made is found again, and nothing is written a second time,
// whatever way Pods are told from others. To try it leaves nothing behind.
func TestPreparedOnce(t *testing.T) {
	fresh(t, rules.Config{Mark: 0x4000})
	for _, cfg := range []rules.Config{
		{Mark: 0x4000},
		{Mark: 0x8000, MasqueradeAll: true, Accept: true},
		{Mark: 0x4000, Pods: rules.Pods{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}}},
		{Mark: 0x4000, Pods: rules.Pods{Listed: true}},
		{Mark: 0x4000, Pods: rules.Pods{Interface: "cni0"}},
		{Mark: 0x4000, Pods: rules.Pods{Interface: "veth+"}},
	} {
		r := opened(t, cfg)
		before := output(t, "nft", "list", "ruleset")
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, output(t, "nft", "list", "ruleset")); diff != "" {
			t.Errorf("to try it has left:\n%s", diff)
		}
		if mended := prepare(t, r); mended[state.MendedRule] == 0 {
			t.Errorf("%+v: made %v", cfg, mended)
		}
		if mended := prepare(t, r); len(mended) > 0 {
			t.Errorf("%+v: made %v the second time", cfg, mended)
		}
	}
}

// What others change is put right, and members stay as far as they can.
func TestMended(t *testing.T) {
	r := fresh(t, rules.Config{Mark: 0x4000})
	prepare(t, r)
	kept := state.ServicePorts.Holding(ipset.IPPort(netip.MustParseAddrPort("10.96.0.1:443"), 6))
	if err := r.Members().Apply(t.Context(), []op{{Verb: reconcile.Create, Key: kept}})[0]; err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		does  string
		rules int
	}{
		{"flush chain ip kube-ipvs KIPVS-MASQUERADE", 4},
		{"flush chain ip kube-ipvs KIPVS-FILTER-INPUT", 2},
		{"insert rule ip kube-ipvs KIPVS-FILTER accept", 1},
		{"add rule ip kube-ipvs KIPVS-FILTER counter", 1},
		{"add chain ip kube-ipvs KIPVS-OLD", 0},
		{"add table ip kube-ipvs { flags dormant; }", 16},
		{"delete table ip6 kube-ipvs", 37},
	} {
		output(t, "nft", c.does)
		if mended := prepare(t, r); mended[state.MendedRule] != c.rules {
			t.Errorf("%s: mended %v, want %d rules", c.does, mended, c.rules)
		}
		if mended := prepare(t, r); len(mended) > 0 {
			t.Errorf("%s: mended %v again", c.does, mended)
		}
	}
	held, err := r.Members().List(t.Context())
	if _, there := held[kept]; err != nil || !there || len(held) != 1 {
		t.Errorf("holds %v, %v", held, err)
	}
	if strings.Contains(output(t, "nft", "list", "ruleset"), "KIPVS-OLD") {
		t.Error("a chain of no use is left")
	}
}

// A table that another program has made is left alone, and named.
func TestForeignTable(t *testing.T) {
	r := fresh(t, rules.Config{Mark: 0x4000})
	output(t, "nft", "add table ip kube-ipvs; add chain ip kube-ipvs mine")
	before := output(t, "nft", "list", "ruleset")
	const want = "table ip kube-ipvs of nftables is another program's: it has chain mine"
	if _, err := r.Prepare(t.Context()); err == nil || err.Error() != want {
		t.Errorf("prepare: %v", err)
	}
	if err := r.Remove(t.Context()); err == nil || err.Error() != want {
		t.Errorf("remove: %v", err)
	}
	if diff := cmp.Diff(before, output(t, "nft", "list", "ruleset")); diff != "" {
		t.Errorf("changed:\n%s", diff)
	}
}

// Removed is removed, and only that.
func TestRemoved(t *testing.T) {
	r := fresh(t, rules.Config{Mark: 0x4000})
	output(t, "nft", "add table ip other")
	before := output(t, "nft", "list", "ruleset")
	prepare(t, r)
	for range 2 {
		if err := r.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, output(t, "nft", "list", "ruleset")); diff != "" {
		t.Errorf("left:\n%s", diff)
	}
}

// some is any member of any set, of few addresses and networks so that they meet.
func some(r *rand.Rand) state.Member {
	s := state.Sets()[r.IntN(len(state.Sets()))]
	addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + r.IntN(3))})
	net := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(r.IntN(4) * 64), byte(r.IntN(2) * 128), 0}), 6+r.IntN(27)).Masked()
	if r.IntN(2) == 0 {
		addr = netip.MustParseAddr(fmt.Sprintf("fd00::%d", 1+r.IntN(3)))
		net = netip.PrefixFrom(netip.MustParseAddr(fmt.Sprintf("fd00:%d::", r.IntN(3)*0x1000)), 1+r.IntN(128)).Masked()
	}
	to, protocol := netip.AddrPortFrom(addr, uint16(80+r.IntN(2))), []uint8{6, 17, 132}[r.IntN(3)]
	switch s.Type() {
	case ipset.HashIP:
		return s.Holding(ipset.IP(addr))
	case ipset.HashNet:
		return s.Holding(ipset.Net(net))
	case ipset.HashIPPort:
		return s.Holding(ipset.IPPort(to, protocol))
	case ipset.HashIPPortIP:
		return s.Holding(ipset.IPPortIP(to, protocol, addr))
	}
	return s.Holding(ipset.IPPortNet(to, protocol, net))
}

// Any members, added and deleted in any order and many at once, are those that
// are listed; networks that lie in each other among them.
func TestAnyMembers(t *testing.T) {
	rules := fresh(t, rules.Config{Mark: 0x4000})
	prepare(t, rules)
	kind, want := rules.Members(), map[state.Member]state.None{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		var ops []op
		for range 1 + r.IntN(40) {
			o := op{Verb: reconcile.Create, Key: some(r)}
			if r.IntN(3) == 0 {
				o.Verb = reconcile.Delete
				for k := range want {
					o.Key = k
					break
				}
			}
			ops = append(ops, o)
			if o.Verb == reconcile.Delete {
				delete(want, o.Key)
			} else {
				want[o.Key] = state.None{}
			}
		}
		slices.SortStableFunc(ops, func(a, b op) int { return a.Key.Compare(b.Key) })
		for i, err := range kind.Apply(t.Context(), ops) {
			if err != nil {
				t.Fatalf("%s %s: %v", ops[i].Verb, ops[i].Key, err)
			}
		}
		got, err := kind.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
			t.Fatalf("members (-want +got):\n%s", diff)
		}
	}
}

func texts(rows map[state.Member]state.None) (all []string) {
	for m := range rows {
		all = append(all, fmt.Sprint(m))
	}
	slices.Sort(all)
	return all
}
