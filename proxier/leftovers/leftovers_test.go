package leftovers

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

var update = flag.Bool("update", false, "rewrite the plans in the scenarios")

var scopes = map[string]Scope{"adoption": Adoption, "takeover": Takeover, "cleanup": Cleanup}

// eachScenario reads the machines of testdata. A scenario has what was found,
// in the words of the programs that show it, and the plans for it.
func eachScenario(t *testing.T, test func(*testing.T, *txtar.Archive)) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before := txtar.Format(archive)
			test(t, archive)
			if after := txtar.Format(archive); *update && !bytes.Equal(before, after) {
				if err := os.WriteFile(path, after, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestPlans(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive *txtar.Archive) {
		for _, name := range []string{"adoption", "takeover", "cleanup"} {
			got := load(t, archive).Scan(t.Context(), scopes[name]).Plan().String()
			golden(t, archive, name, got)
		}
	})
}

func golden(t *testing.T, archive *txtar.Archive, name, got string) {
	t.Helper()
	for i, file := range archive.Files {
		if file.Name == name {
			if *update {
				archive.Files[i].Data = []byte(got)
			} else if diff := cmp.Diff(string(file.Data), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			return
		}
	}
	if !*update {
		t.Errorf("no plan for %s", name)
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(got)})
}

// What is removed in one run is all that is kube-proxy's and not held by
// others, and what others have is as it was (K01, K02, K04, K19).
func TestOneRunIsEnough(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive *txtar.Archive) {
		for name, scope := range scopes {
			m := load(t, archive)
			o, err := Remove(t.Context(), m, scope)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if again := m.Scan(t.Context(), scope).Plan(); len(again.Steps) > 0 {
				t.Errorf("%s: still to be done:\n%s", name, again)
			}
			if diff := cmp.Diff(o.Found.Plan().Stays, load(t, archive).Scan(t.Context(), scope).Plan().Stays); diff != "" {
				t.Errorf("%s: what stays (-then +before):\n%s", name, diff)
			}
			untouched(t, load(t, archive).found, m.found)
		}
	})
}

// untouched wants all foreign chains to be there with all foreign rules.
func untouched(t *testing.T, before, after Found) {
	t.Helper()
	for where, dump := range before.Rules {
		for place, rules := range dump {
			if Cleanup.Chain(place) {
				continue
			}
			var want []string
			for _, r := range rules {
				to := xtables.Place{Table: place.Table, Chain: xtables.Target(r)}
				if !place.BuiltIn() || !Cleanup.Chain(to) {
					want = append(want, r)
				}
			}
			have := strings.Join(after.Rules[where][place], "\n")
			for _, r := range want {
				if !strings.Contains(have, r) {
					t.Errorf("%s: %s has lost %s", where, place, r)
				}
			}
			if _, there := after.Rules[where][place]; !there {
				t.Errorf("%s: %s is gone", where, place)
			}
		}
	}
}

// Stopped after any number of steps and run again, it ends as if it had not
// been stopped (F5).
func TestStoppedAnywhere(t *testing.T) {
	eachScenario(t, func(t *testing.T, archive *txtar.Archive) {
		for name, scope := range scopes {
			whole := load(t, archive)
			o, err := Remove(t.Context(), whole, scope)
			if err != nil {
				t.Fatal(err)
			}
			for n := range o.Done {
				m := load(t, archive)
				m.until = n
				if _, err := Remove(t.Context(), m, scope); !errors.Is(err, errStopped) {
					t.Errorf("%s stopped after %d steps: %v", name, n, err)
				}
				m.until = 1000
				if _, err := Remove(t.Context(), m, scope); err != nil {
					t.Errorf("%s stopped after %d steps, again: %v", name, n, err)
				}
				if diff := cmp.Diff(whole.String(), m.String()); diff != "" {
					t.Errorf("%s stopped after %d steps (-whole +stopped):\n%s", name, n, diff)
				}
			}
		}
	})
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		table, chain string
		goes         bool
	}{
		{"nat", "KUBE-SVC-ABCDEFGHIJKLM234", true},
		{"nat", "KUBE-SVC-ABCDEFGHIJKLM23", false},
		{"nat", "KUBE-SVC-ABCDEFGHIJKLM2345", false},
		{"nat", "KUBE-SVC-ABCDEFGHIJKLM019", false}, // base32 has no 0, 1, 8, 9
		{"nat", "KUBE-HP-ABCDEFGHIJKLM234", false},
		{"filter", "KUBE-SVC-ABCDEFGHIJKLM234", false},
		{"nat", "KUBE-FIREWALL", true},
		{"filter", "KUBE-FIREWALL", false},
		{"nat", "KUBE-MARK-DROP", false},
		{"nat", "KUBE-HOSTPORTS", false},
		{"mangle", "KUBE-IPTABLES-HINT", false},
		{"mangle", "KUBE-KUBELET-CANARY", false},
		{"filter", "KUBE-ROUTER-INPUT", false},
		{"filter", "KUBE-POD-FW-ABCDEFGHIJKLM234", false},
		{"filter", "KUBE-NWPLCY-DEFAULT", false},
		{"filter", "KIPVS-FILTER", false},
	} {
		if got := Takeover.Chain(xtables.Place{Table: c.table, Chain: c.chain}); got != c.goes {
			t.Errorf("%s %s: goes %t, want %t", c.table, c.chain, got, c.goes)
		}
	}
	for name, goes := range map[string]bool{
		"KUBE-CLUSTER-IP": true, "KUBE-6-CLUSTER-IP": true, "KUBE-6-NODE-PORT-LOCAL-SCTP-HAS": true,
		"KUBE-6-LOAD-BALANCER-SOURCE-CID": true, "KUBE-6-LOAD-BALANCER-SOURCE-CIDR": false,
		"KUBE-SRC-ABCDEFGHIJKLMNOP": false, "KUBE-6-": false, "KUBE-": false, "KIPVS-SERVICES": false,
	} {
		if got := Takeover.Set(name); got != goes {
			t.Errorf("set %s: goes %t, want %t", name, got, goes)
		}
	}
	if p, known := NodePortsIn("KUBE-6-NODE-PORT-SCTP-HASH"); !known || p != state.SCTP {
		t.Errorf("ports of KUBE-6-NODE-PORT-SCTP-HASH: %s, %t", p, known)
	}
	if _, known := NodePortsIn("KUBE-HEALTH-CHECK-NODE-PORT"); known {
		t.Error("health check ports have no virtual servers")
	}
}

// The chain that the port mapping of CNI may be told to use stays with its rule as
// long as there is a proxy, also while no rule leads to it, where the plugin has no
// chain of its own to mark with; else it goes like all others, and with the proxy in any case (K19).
func TestASharedChainStaysUnusedToo(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/iptables.txtar")
	if err != nil {
		t.Fatal(err)
	}
	shared := xtables.Place{Table: "nat", Chain: "KUBE-MARK-MASQ"}
	for _, c := range []struct {
		scope   Scope
		mapping string // chains of CNI's port mapping, apart by spaces
		stays   bool
	}{
		{Takeover, "CNI-HOSTPORT-DNAT", true},
		{Takeover, "CNI-DN-0123456789abcdef01234", true},
		{Takeover, "CNI-HOSTPORT-DNAT CNI-HOSTPORT-SETMARK CNI-HOSTPORT-MASQ", false}, // its own mark
		{Takeover, "", false},
		{Cleanup, "CNI-HOSTPORT-DNAT", false},
		{Cleanup, "", false},
	} {
		m := load(t, archive)
		rules := m.found.Rules[nft4]
		maps.DeleteFunc(rules, func(p xtables.Place, _ []string) bool { return strings.HasPrefix(p.Chain, "CNI-") })
		for _, chain := range strings.Fields(c.mapping) {
			rules[xtables.Place{Table: "nat", Chain: chain}] = nil
		}
		if _, err := Remove(t.Context(), m, c.scope); err != nil {
			t.Fatal(err)
		}
		if rules, there := m.found.Rules[nft4][shared]; there != c.stays || there && len(rules) != 1 {
			t.Errorf("scope %d with chains %q: the chain is there: %t, with %v", c.scope, c.mapping, there, rules)
		}
	}
}

// A set that a list of sets is made of cannot be destroyed. That is said, and
// keeps nothing else from going.
func TestAStepThatFails(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/ipvs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, archive)
	refusing := refusing{m}
	o, err := Remove(t.Context(), refusing, Cleanup)
	if err == nil || !strings.Contains(err.Error(), "destroy set KUBE-6-CLUSTER-IP and 9 more: busy") {
		t.Errorf("got %v", err)
	}
	left := o.Found.Plan()
	if len(left.Steps) != 1 || left.Steps[0].Action != DestroySets {
		t.Errorf("left:\n%s", left)
	}
}
