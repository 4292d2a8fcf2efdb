package kernel

import (
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var clusterCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}

// TestProgram shows the rules as a person reads them.
func TestProgram(t *testing.T) {
	for name, cfg := range map[string]Config{
		"pods-known":     {MasqueradeMark: 0x4000, PodCIDRs: clusterCIDRs},
		"pods-unknown":   {MasqueradeMark: 0x4000},
		"masquerade-all": {MasqueradeMark: 0x8000, MasqueradeAll: true, PodCIDRs: clusterCIDRs},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
				todo := (&tables{}).compare(dump{}, program(f, cfg))
				b.WriteString(todo.restoreText())
			}
			golden(t, "testdata/rules-"+name+".txt", b.String())
		})
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
func built(chains []chain) dump {
	d := dump{}
	for _, c := range chains {
		d[c.place()] = c.rules
		for _, from := range c.froms() {
			d[from] = append(d[from], c.jump())
		}
	}
	return d
}

func TestCompare(t *testing.T) {
	want := program(ipset.IPv4, Config{MasqueradeMark: 0x4000, PodCIDRs: clusterCIDRs})
	filter, input := place{"filter", "KIPVS-FILTER"}, place{"filter", "INPUT"}
	jump := hook{input, "-m conntrack --ctstate NEW -j KIPVS-FILTER"}

	for name, c := range map[string]struct {
		damage func(dump)
		want   []chain
		todo   changes
	}{
		"all is right": {func(dump) {}, want, changes{}},
		"a chain is empty": {
			func(d dump) { d[filter] = nil }, want,
			changes{fill: []chain{want[3]}},
		},
		"a rule too many": {
			func(d dump) { d[filter] = append(d[filter], "-j DROP") }, want,
			changes{fill: []chain{want[3]}},
		},
		"a jump is missing": {
			func(d dump) { d[input] = d[input][1:] }, want,
			changes{hook: []hook{jump}},
		},
		"a jump twice": {
			func(d dump) { d[input] = append(d[input], jump.rule) }, want,
			changes{unhook: []hook{jump}},
		},
		"a jump without its match": {
			func(d dump) { d[input][0] = "-j KIPVS-FILTER" }, want,
			changes{hook: []hook{jump}, unhook: []hook{{input, "-j KIPVS-FILTER"}}},
		},
		"a chain of an older version, and a jump to it": {func(d dump) {
			d[place{"nat", "KIPVS-OLD"}] = nil
			d[place{"nat", "INPUT"}] = []string{"-j KIPVS-OLD"}
		}, want, changes{
			unhook: []hook{{place{"nat", "INPUT"}, "-j KIPVS-OLD"}},
			drop:   []place{{"nat", "KIPVS-OLD"}},
		}},
		"others' chains and rules": {func(d dump) {
			d[place{"nat", "KUBE-SERVICES"}] = []string{"-j KUBE-SVC-AAAAAAAAAAAAAAAA"}
			d[input] = append(d[input], "-j cali-INPUT", "-m comment --comment \"-j KIPVS\" -j ACCEPT")
		}, want, changes{}},
	} {
		t.Run(name, func(t *testing.T) {
			held := built(want)
			c.damage(held)
			got := (&tables{prefix: "KIPVS-"}).compare(held, c.want)
			if diff := cmp.Diff(c.todo, got, cmp.AllowUnexported(changes{}, chain{}, hook{}, place{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// With nothing wanted everything of ours goes: that is uninstall.
func TestCompareWithNothing(t *testing.T) {
	held := built(program(ipset.IPv6, Config{MasqueradeMark: 0x4000}))
	held[place{"filter", "FORWARD"}] = append(held[place{"filter", "FORWARD"}], "-j DOCKER-USER")
	todo := (&tables{prefix: "KIPVS6-"}).compare(held, nil)
	if len(todo.unhook) != 9 || len(todo.drop) != 7 || len(todo.fill)+len(todo.hook) != 0 {
		t.Errorf("unhook %d, drop %d, fill %d, hook %d; want 9, 7, 0, 0",
			len(todo.unhook), len(todo.drop), len(todo.fill), len(todo.hook))
	}
}

// Versions of iptables print a rule in different ways; what one has printed
// after our last write is right.
func TestPrintedOtherwise(t *testing.T) {
	want := program(ipset.IPv4, Config{MasqueradeMark: 0x4000})
	held := built(want)
	for _, rules := range held {
		for i := range rules {
			rules[i] = strings.ReplaceAll(rules[i], "--set-xmark 0x4000/0x4000", "--or-mark 0x4000")
		}
	}
	fresh := program(ipset.IPv4, Config{MasqueradeMark: 0x4000})
	tab := &tables{prefix: "KIPVS-"}
	if todo := tab.compare(held, fresh); len(todo.fill) == 0 {
		t.Fatal("a rule printed otherwise was taken for right before anything was written")
	}
	tab.remember(held, fresh)
	if todo := tab.compare(held, fresh); !todo.nothing() {
		t.Errorf("still to be done: %+v", todo)
	}
}

func TestParseDump(t *testing.T) {
	d, err := parseDump("# comment\n*nat\n:PREROUTING ACCEPT [1:2]\n:KIPVS-MARK - [0:0]\n-A PREROUTING -j KIPVS-MARK\nCOMMIT\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := d[place{"nat", "PREROUTING"}]; len(got) != 1 || got[0] != "-j KIPVS-MARK" {
		t.Errorf("PREROUTING has %q", got)
	}
	if _, there := d[place{"nat", "KIPVS-MARK"}]; !there {
		t.Error("an empty chain is missing")
	}
	for _, short := range []string{"*nat\n:PREROUTING ACCEPT [0:0]\n", "-A PREROUTING -j X\n", "*nat\nnonsense\nCOMMIT\n"} {
		if _, err := parseDump(short); err == nil {
			t.Errorf("%q: no error", short)
		}
	}
}

func TestUnreachable(t *testing.T) {
	d, err := parseDump(`*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]
:KUBE-EXT-BBBBBBBBBBBBBBBB - [0:0]
:KUBE-SVC-BBBBBBBBBBBBBBBB - [0:0]
:KUBE-SVC-SHORT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:MY-CHAIN - [0:0]
-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-AAAAAAAAAAAAAAAA
-A KUBE-EXT-BBBBBBBBBBBBBBBB -j KUBE-SVC-BBBBBBBBBBBBBBBB
-A MY-CHAIN -g KUBE-EXT-BBBBBBBBBBBBBBBB
COMMIT
*filter
:KUBE-SVC-CCCCCCCCCCCCCCCC - [0:0]
COMMIT
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"KUBE-SEP-AAAAAAAAAAAAAAAA", "KUBE-SVC-AAAAAAAAAAAAAAAA"}
	if diff := cmp.Diff(want, unreachable(d)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if removalText("nat", nil) != "" {
		t.Error("for no chains there is nothing to restore")
	}
}
