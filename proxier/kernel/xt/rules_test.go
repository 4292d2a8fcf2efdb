package xt

import (
	"flag"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var clusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}

// TestProgram shows the rules as a person reads them.
func TestProgram(t *testing.T) {
	for name, cfg := range map[string]rules.Config{
		"pods-known":     {Mark: 0x4000, Pods: rules.Pods{CIDRs: clusterCIDRs}},
		"pods-unknown":   {Mark: 0x4000},
		"pods-of-node":   {Mark: 0x4000, Pods: rules.Pods{Listed: true}},
		"pods-of-bridge": {Mark: 0x4000, Pods: rules.Pods{Interface: "cni0"}},
		"pods-of-prefix": {Mark: 0x4000, Pods: rules.Pods{Interface: "cali+"}},
		"host-refuses":   {Mark: 0x4000, Accept: true, Pods: rules.Pods{CIDRs: clusterCIDRs}},
		"masquerade-all": {Mark: 0x8000, MasqueradeAll: true, Pods: rules.Pods{CIDRs: clusterCIDRs}},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, t := range []struct {
				ipset.Family
				tables
			}{{ipset.IPv4, tables{prefix: state.Prefix4}}, {ipset.IPv6, tables{prefix: state.Prefix6}}} {
				todo := t.compare(xtables.Dump{}, program(t.Family, cfg))
				b.WriteString(todo.restoreText())
			}
			golden(t, "testdata/rules-"+name+".txt", b.String())
		})
	}
}

// Of a family of which nothing is said aliases lie in the usual range.
func TestAliasesLieWhereTheConfigurationSays(t *testing.T) {
	cfg := rules.Config{Mark: 0x4000, AliasRanges: []netip.Prefix{netip.MustParsePrefix("100.96.0.0/11")}}
	for f, want := range map[ipset.Family]string{ipset.IPv4: "-j NETMAP --to 100.96.0.0/11", ipset.IPv6: "-j NETMAP --to fdff::/16"} {
		found := 0
		for _, c := range program(f, cfg) {
			for _, rule := range c.rules {
				if strings.Contains(rule, "NETMAP") {
					found++
					if !strings.HasSuffix(rule, want) {
						t.Errorf("%s: %s, want %s", c.name, rule, want)
					}
				}
			}
		}
		if found == 0 {
			t.Errorf("no rule says %s", want)
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// built is the dump of a machine on which the program stands.
func built(chains []chain) xtables.Dump {
	d := xtables.Dump{}
	for _, c := range chains {
		d[c.place()] = c.rules
		for _, from := range c.froms() {
			d[from] = slices.Insert(d[from], 0, c.jump) // as they are put in, at the top each
		}
	}
	return d
}

func TestCompare(t *testing.T) {
	want := program(ipset.IPv4, rules.Config{Mark: 0x4000, Pods: rules.Pods{CIDRs: clusterCIDRs}})
	ofFilter := want[slices.IndexFunc(want, func(c chain) bool { return c.name == "KIPVS-FILTER" })]
	filter, input := xtables.Place{Table: "filter", Chain: "KIPVS-FILTER"}, xtables.Place{Table: "filter", Chain: "INPUT"}
	jump, health := hook{input, "-m conntrack --ctstate NEW -j KIPVS-FILTER"}, hook{input, "-j KIPVS-HEALTH"}

	for name, c := range map[string]struct {
		damage func(xtables.Dump)
		want   []chain
		todo   changes
	}{
		"all is right": {func(xtables.Dump) {}, want, changes{}},
		"a chain is empty": {
			func(d xtables.Dump) { d[filter] = nil }, want,
			changes{fill: []chain{ofFilter}},
		},
		"a rule too many": {
			func(d xtables.Dump) { d[filter] = append(d[filter], "-j DROP") }, want,
			changes{fill: []chain{ofFilter}},
		},
		"a jump is missing": {
			func(d xtables.Dump) { d[input] = d[input][:1] }, want,
			changes{hook: []hook{jump, health}, unhook: []hook{health}},
		},
		"a jump twice": {
			func(d xtables.Dump) { d[input] = append(d[input], jump.rule) }, want,
			changes{hook: []hook{jump, health}, unhook: []hook{health, jump, jump}},
		},
		"a jump without its match": {
			func(d xtables.Dump) { d[input][1] = "-j KIPVS-FILTER" }, want,
			changes{hook: []hook{jump, health}, unhook: []hook{health, {input, "-j KIPVS-FILTER"}}},
		},
		"two jumps the wrong way round": {
			func(d xtables.Dump) { slices.Reverse(d[input]) }, want,
			changes{hook: []hook{jump, health}, unhook: []hook{jump, health}},
		},
		"others' rules between ours": {
			func(d xtables.Dump) { d[input] = slices.Insert(d[input], 1, "-j cali-INPUT") }, want,
			changes{},
		},
		"a chain of an older version, and a jump to it": {func(d xtables.Dump) {
			d[xtables.Place{Table: "nat", Chain: "KIPVS-OLD"}] = nil
			d[xtables.Place{Table: "nat", Chain: "INPUT"}] = []string{"-j KIPVS-OLD"}
		}, want, changes{
			unhook: []hook{{xtables.Place{Table: "nat", Chain: "INPUT"}, "-j KIPVS-OLD"}},
			drop:   []xtables.Place{{Table: "nat", Chain: "KIPVS-OLD"}},
		}},
		"others' chains and rules": {func(d xtables.Dump) {
			d[xtables.Place{Table: "nat", Chain: "KUBE-SERVICES"}] = []string{"-j KUBE-SVC-AAAAAAAAAAAAAAAA"}
			d[input] = append(d[input], "-j cali-INPUT", "-m comment --comment \"-j KIPVS\" -j ACCEPT")
		}, want, changes{}},
	} {
		t.Run(name, func(t *testing.T) {
			held := built(want)
			c.damage(held)
			got := (&tables{prefix: "KIPVS-"}).compare(held, c.want)
			if diff := cmp.Diff(c.todo, got, cmp.AllowUnexported(changes{}, chain{}, hook{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Versions of iptables print a rule in different ways; what one has printed
// after our last write is right.
func TestPrintedOtherwise(t *testing.T) {
	want := program(ipset.IPv4, rules.Config{Mark: 0x4000})
	held := built(want)
	for _, rules := range held {
		for i := range rules {
			rules[i] = strings.ReplaceAll(rules[i], "--set-xmark 0x4000/0x4000", "--or-mark 0x4000")
		}
	}
	fresh := program(ipset.IPv4, rules.Config{Mark: 0x4000})
	tab := &tables{prefix: "KIPVS-"}
	if todo := tab.compare(held, fresh); len(todo.fill) == 0 {
		t.Fatal("a rule printed otherwise was taken for right before anything was written")
	}
	tab.remember(held, fresh)
	if todo := tab.compare(held, fresh); !todo.nothing() {
		t.Errorf("still to be done: %+v", todo)
	}
}
