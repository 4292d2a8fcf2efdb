//go:build e2e

package kernel

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// heard gathers what the kernel tells until enough of it has come, for a second
// at most.
func heard(k *Kernel, enough func(state.Changed) bool) (all state.Changed) {
	for end := time.After(time.Second); !enough(all); {
		select {
		case <-end:
			return all
		case <-k.Changed():
			t := k.TakeChanged()
			all.NodeAddresses = all.NodeAddresses || t.NodeAddresses
			all.Device = all.Device || t.Device
			all.Rules = all.Rules || t.Rules
			for a, there := range t.Addresses {
				if all.Addresses == nil {
					all.Addresses = map[netip.Addr]bool{}
				}
				all.Addresses[a] = there
			}
		}
	}
	return all
}

func never(state.Changed) bool { return false }

// What others change of the device, of its addresses and of the rules is told
// of, whatever is changed (F8, F9, K18, K82).
func TestTheKernelTellsWhatOthersChange(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	addr := netip.MustParseAddr("10.96.0.1")
	add := []reconcile.Op[netip.Addr, state.None]{{Verb: reconcile.Create, Key: addr}}
	restore := func() {
		t.Helper()
		if _, err := k.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := k.Addresses().Apply(t.Context(), add)[0]; err != nil {
			t.Fatal(err)
		}
		heard(k, never) // our own changes
	}
	device := func(s state.Changed) bool { return s.Device }
	rules := func(s state.Changed) bool { return s.Rules }
	for _, c := range []struct {
		action string
		want   func(state.Changed) bool
	}{
		{"ip link delete kube-ipvs0", device},
		{"ip link set kube-ipvs0 name other", device},
		{"ip address delete 10.96.0.1/32 dev kube-ipvs0", func(s state.Changed) bool { there, told := s.Addresses[addr]; return told && !there }},
		{"ip address add 203.0.113.1/32 dev kube-ipvs0", func(s state.Changed) bool { return s.Addresses[netip.MustParseAddr("203.0.113.1")] }},
		{"ip address add 203.0.113.2/32 dev lo", func(s state.Changed) bool { return s.NodeAddresses }},
		{"iptables -t nat -D POSTROUTING -j KIPVS-MASQUERADE", rules},
		{"ip6tables -t mangle -A KIPVS6-OUTPUT -j RETURN", rules},
		{"nft delete table ip nat", rules},
	} {
		restore()
		kerneltest.Output(t, strings.Fields(c.action)...)
		if got := heard(k, c.want); !c.want(got) {
			t.Errorf("%s: the kernel has told %+v", c.action, got)
		}
		if c.action == "ip link set kube-ipvs0 name other" {
			kerneltest.Output(t, "ip", "link", "delete", "other")
		}
	}
	restore()
	kerneltest.Output(t, "iptables", "-t", "nat", "-N", "CNI-HOSTPORT-DNAT")
	kerneltest.Output(t, "iptables", "-t", "nat", "-A", "CNI-HOSTPORT-DNAT", "-j", "RETURN")
	if got := heard(k, rules); got.Rules {
		t.Error("a chain of others is none of our business")
	}
}

// countSaves counts how often rules are read by a program, since the last time it
// was asked.
func countSaves(t *testing.T) func() int {
	t.Helper()
	bin := t.TempDir()
	count := filepath.Join(bin, "count")
	for _, name := range []string{"iptables-save", "ip6tables-save"} {
		text := fmt.Sprintf("#!/bin/sh\necho >>%s\nexec /usr/sbin/%s \"$@\"\n", count, name)
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	last := 0
	return func() int {
		text, err := os.ReadFile(count)
		if err != nil {
			t.Error(err)
		}
		more := len(text) - last
		last = len(text)
		return more
	}
}

// While no program changes rules no program is started to read them, and what
// another program has changed is read and put right.
func TestRulesAreReadOnlyWhenTheyHaveChanged(t *testing.T) {
	kerneltest.FreshNamespace(t)
	quiet := countSaves(t)
	k := openHere(t, config)
	prepare := func() map[string]int {
		t.Helper()
		mended, err := k.Prepare(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return mended
	}
	if first := prepare(); first["device"] != 1 || first["set"] != 2*len(state.Sets()) || first["rule"] == 0 {
		t.Errorf("at first made %v", first)
	}
	prepare() // the rules of IPv6 came after those of IPv4 had been read
	quiet()
	if mended := prepare(); len(mended) > 0 {
		t.Errorf("nothing has been changed, and mended %v", mended)
	}
	if n := quiet(); n > 0 {
		t.Errorf("nothing has been changed, and rules were read %d times", n)
	}
	for _, c := range []struct{ action, want string }{
		{"iptables -t nat -F", "map[rule:5]"}, // two chains, and three jumps to them
		{"iptables -t nat -F KIPVS-MARK", "map[rule:1]"},
		{"ip6tables -t nat -D POSTROUTING -j KIPVS6-MASQUERADE", "map[rule:1]"},
		{"iptables -N KIPVS-STRAY", "map[rule:1]"},
		{"iptables -N OTHERS", "map[]"},
		{"ip link delete kube-ipvs0", "map[device:1]"},
		{"ipset create NOT-OURS hash:ip", "map[]"},
		{"sysctl -w net.ipv4.vs.conntrack=0", "map[]"}, // that is for Sysctls
	} {
		kerneltest.Output(t, strings.Fields(c.action)...)
		if got := fmt.Sprint(prepare()); got != c.want {
			t.Errorf("%s: mended %s, want %s", c.action, got, c.want)
		}
	}
	for _, due := range []bool{true, false} {
		if set, err := k.Sysctls(t.Context()); err != nil || (set > 0) != due {
			t.Errorf("%d sysctls set, %v; due: %t", set, err, due)
		}
	}
	if strays := kerneltest.Output(t, "iptables-save"); !strings.Contains(strays, "OTHERS") || strings.Contains(strays, "STRAY") {
		t.Errorf("of chains that were added there is\n%s", strays)
	}
}

// A set of our name that is something else is made anew, though our rules refer
// to it, and its members are kept if it was only too small (K15).
func TestSetsInTheWayAreMadeAnew(t *testing.T) {
	kerneltest.FreshNamespace(t)
	for _, command := range []string{
		"ipset create KIPVS-SERVICES hash:net family inet",
		"ipset create KIPVS-CLUSTER hash:ip,port family inet6",
		"ipset create KIPVS6-SERVICES hash:ip,port family inet6 maxelem 9",
		"ipset add KIPVS6-SERVICES fd00::1,tcp:80",
	} {
		kerneltest.Output(t, strings.Fields(command)...)
	}
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	sets := kerneltest.Output(t, "ipset", "list")
	if !strings.Contains(sets, "fd00::1,tcp:80") || strings.Contains(sets, "maxelem 9\n") || strings.Contains(sets, "-LARGER") {
		t.Errorf("a set that was too small is not a bigger one with its members:\n%s", sets)
	}
	// While our rules refer to it, and while others' do.
	spoil := func(refers string) {
		kerneltest.Output(t, "iptables", "-t", "nat", "-F", "KIPVS-MASQUERADE")
		kerneltest.Output(t, "ipset", "destroy", "KIPVS-HAIRPIN")
		kerneltest.Output(t, "ipset", "create", "KIPVS-HAIRPIN", "hash:ip,port,net")
		kerneltest.Output(t, "iptables", "-t", "nat", "-A", refers, "-m", "set", "--match-set", "KIPVS-HAIRPIN", "dst,dst,src", "-j", "RETURN")
	}
	spoil("KIPVS-MASQUERADE")
	mended, err := k.Prepare(t.Context())
	if err != nil || mended["set"] != 1 {
		t.Errorf("mended %v: %v", mended, err)
	}
	spoil("OUTPUT")
	for range 2 {
		_, err = k.Prepare(t.Context())
		if want := "set KIPVS-HAIRPIN is hash:ip,port,net inet and has to be hash:ip,port,ip inet: a rule of others refers to it: nat OUTPUT"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a set that a rule of others uses: %v, want %s", err, want)
		}
		if rules := kerneltest.Output(t, "iptables-save"); !strings.Contains(rules, "-A PREROUTING -j KIPVS-MARK") {
			t.Errorf("our rules are not back:\n%s", rules)
		}
	}
	kerneltest.Output(t, "iptables", "-t", "nat", "-F", "OUTPUT")
	if mended, err := k.Prepare(t.Context()); err != nil || mended["set"] != 1 {
		t.Errorf("once no rule uses it any more: mended %v: %v", mended, err)
	}
}
