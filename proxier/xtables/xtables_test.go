package xtables

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	d, err := Parse("# comment\n*nat\n:PREROUTING ACCEPT [1:2]\n:KIPVS-MARK - [0:0]\n-A PREROUTING -j KIPVS-MARK\nCOMMIT\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Dump{{"nat", "PREROUTING"}: {"-j KIPVS-MARK"}, {"nat", "KIPVS-MARK"}: nil}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, short := range []string{"*nat\n:PREROUTING ACCEPT [0:0]\n", "-A PREROUTING -j X\n", "*nat\nnonsense\nCOMMIT\n"} {
		if _, err := Parse(short); err == nil {
			t.Errorf("%q: no error", short)
		}
	}
}

// What no rule lets in is kept out by the policy (ufw) or by a last rule.
func TestRefuses(t *testing.T) {
	for text, want := range map[string]bool{
		"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n":                      false,
		"*filter\n:INPUT DROP [0:0]\n-A INPUT -j ufw-before-input\nCOMMIT\n":                                        true,
		"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-x\nCOMMIT\n": true,
		"*filter\n:INPUT ACCEPT [0:0]\n:F2B - [0:0]\n-A F2B -j DROP\nCOMMIT\n*mangle\n:INPUT DROP [0:0]\nCOMMIT\n":  false,
	} {
		if got := Refuses(text, Place{"filter", "INPUT"}); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestIncompatible(t *testing.T) {
	text := "# Table `raw' is incompatible, use 'nft' tool.\n*nat\nCOMMIT\n# Completed\n"
	if diff := cmp.Diff([]string{"raw"}, Incompatible(text)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatARuleRefersTo(t *testing.T) {
	for _, c := range []struct {
		rule, target string
		sets         []string
	}{
		{"-j KUBE-SERVICES", "KUBE-SERVICES", nil},
		{"-m comment --comment \"kubernetes service portals\" -g KUBE-SERVICES", "KUBE-SERVICES", nil},
		{"-m comment --comment \"not -j HERE\" -j THERE", "THERE", nil},
		{"-m comment --comment \"-j\" -j THERE", "THERE", nil},
		{`-m comment --comment "say \"-j HERE\"" -j THERE`, "THERE", nil},
		{"-s 10.0.0.0/8", "", nil},
		{"-m set --match-set A dst,dst -m set ! --match-set B src -j SET --add-set C dst", "SET", []string{"A", "B", "C"}},
		{"-m comment --comment \"--match-set A dst\" -j ACCEPT", "ACCEPT", nil},
	} {
		if got := Target(c.rule); got != c.target {
			t.Errorf("%s: leads to %q, want %q", c.rule, got, c.target)
		}
		if diff := cmp.Diff(c.sets, Sets(c.rule)); diff != "" {
			t.Errorf("%s: sets (-want +got):\n%s", c.rule, diff)
		}
	}
}

func TestRestore(t *testing.T) {
	var r Restore
	if got := r.String(); got != "" {
		t.Errorf("nothing to do reads %q", got)
	}
	input, own := Place{"filter", "INPUT"}, Place{"nat", "OWN"}
	r.Append(own, "-j RETURN")
	r.Empty(own)
	r.Insert(input, "-j X")
	r.Take(input, "-j Y")
	r.Delete(Place{"nat", "OLD"})
	want := "*filter\n-I INPUT 1 -j X\n-D INPUT -j Y\nCOMMIT\n*nat\n:OWN - [0:0]\n-A OWN -j RETURN\n-X OLD\nCOMMIT\n"
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzParse: what is read of a dump is all of it, and can be read again.
func FuzzParse(f *testing.F) {
	f.Add("*nat\n:PREROUTING ACCEPT [1:2]\n:KIPVS-MARK - [0:0]\n-A PREROUTING -j KIPVS-MARK\nCOMMIT\n")
	f.Add("*nat\n-A X")
	f.Add("# Table `filter' is incompatible, use 'nft' tool.\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		for _, p := range d.Places() {
			if p.Table == "" {
				t.Errorf("a chain of no table: %q", p.Chain)
			}
			for _, rule := range d[p] {
				_ = Target(rule)
			}
		}
		_ = Incompatible(text)
	})
}

// A target is found whatever stands before it, and what is not known is never
// taken for nothing.
func TestReadMatch(t *testing.T) {
	to := netip.MustParsePrefix("10.96.0.1/32")
	for rule, want := range map[string]Match{
		"-j REJECT": {Target: "REJECT"},
		"-d 10.96.0.1/32 -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable": {Target: "REJECT", To: to, Protocol: "tcp", Port: "80"},
		`-m comment --comment "say -j ACCEPT" -p udp -j DROP`:                                    {Target: "DROP", Protocol: "udp"},
		"-m conntrack --ctstate RELATED,NEW -g OTHERS":                                           {Target: "OTHERS"},
		"-m conntrack --ctstate INVALID -j DROP":                                                 {Target: "DROP", Some: true},
		"! -i lo -j DROP":                                                                        {Target: "DROP", Some: true},
		"! -d 10.96.0.1/32 -p tcp -j DROP":                                                       {Target: "DROP", Protocol: "tcp", Some: true},
		"-m set --match-set BLOCKED src -j DROP":                                                 {Target: "DROP", Some: true},
		"-p tcp --syn -j DROP":                                                                   {Target: "DROP", Protocol: "tcp", Some: true},
		"-m comment --comment counts":                                                            {},
		"":                                                                                       {},
	} {
		if got := ReadMatch(rule); got != want {
			t.Errorf("%s: %+v, want %+v", rule, got, want)
		}
	}
}
