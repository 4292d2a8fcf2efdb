package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func TestParseTarget(t *testing.T) {
	server := func(text string) (vs state.VirtualServer) {
		if err := vs.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return vs
	}
	for text, want := range map[string]Target{
		"shop/cart":               {Service: "shop/cart"},
		"shop/cart:http":          {Service: "shop/cart", Port: "http"},
		"shop/cart:80":            {Service: "shop/cart", Port: "80"},
		"10.96.0.1:80":            {Server: server("10.96.0.1:80/TCP")},
		"10.96.0.1:53/udp":        {Server: server("10.96.0.1:53/UDP")},
		"[fd00::1]:80":            {Server: server("[fd00::1]:80/TCP")},
		"[::ffff:10.96.0.1]:80":   {Server: server("10.96.0.1:80/TCP")},
		"10.96.0.1":               {},
		"10.96.0.1/TCP":           {},
		"10.96.0.1:80/http":       {},
		"cart":                    {},
		"/cart":                   {},
		"shop/":                   {},
		"shop/cart/http":          {},
		"":                        {},
		"10.96.0.1:80:81":         {},
		"[fd00::1]:70000":         {},
		"kube-system/kube-dns:53": {Service: "kube-system/kube-dns", Port: "53"},
	} {
		got, err := ParseTarget(text)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b state.VirtualServer) bool { return a == b })); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if (err != nil) != (want == Target{}) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What a rule says beyond what can be told here must never be taken for
// nothing.
func TestRulesThatStandInTheWay(t *testing.T) {
	vs := state.VirtualServer{}
	if err := vs.UnmarshalText([]byte("10.96.0.1:80/TCP")); err != nil {
		t.Fatal(err)
	}
	for rule, want := range map[string]struct{ matches, some bool }{
		"-j REJECT":                                             {matches: true},
		"-d 10.96.0.0/16 -j DROP":                               {matches: true},
		"-d 10.96.0.2/32 -j DROP":                               {},
		"-p udp -j DROP":                                        {},
		"-p tcp -m tcp --dport 80 -j REJECT":                    {matches: true},
		"-p tcp -m tcp --dport 81 -j REJECT":                    {},
		"-s 192.0.2.1/32 -j DROP":                               {matches: true, some: true},
		"-i eth1 -j DROP":                                       {matches: true, some: true},
		"! -i lo -j DROP":                                       {matches: true, some: true},
		"-m conntrack --ctstate NEW -j DROP":                    {matches: true},
		"-m conntrack --ctstate INVALID -j DROP":                {matches: true, some: true},
		`-m comment --comment "say -j ACCEPT" -p udp -j DROP`:   {},
		`-d 10.96.0.1/32 -m comment --comment one -j REJECT`:    {matches: true},
		"-m set --match-set BLOCKED src -j DROP":                {matches: true, some: true},
		"! -d 10.96.0.1/32 -j DROP":                             {matches: true, some: true},
		"-p tcp -m multiport --dports 80,443 -j REJECT":         {matches: true, some: true},
		"-d 10.96.0.1/32 -p tcp --dport 80 -g SOMEWHERE-ELSE":   {matches: true},
		"-d fd00::1/128 -p tcp -m tcp --dport 80 -j REJECT":     {},
		`-m comment --comment "a b c" -m tcp --dport 8080 -j X`: {},
	} {
		r := readRule(rule)
		if got := r.matches(vs); got != want.matches || got && r.some != want.some {
			t.Errorf("%s: matches %t, only some %t; want %+v", rule, got, r.some, want)
		}
	}
}

func TestStatusOfADaemonInTrouble(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	d := snapshot.Daemon{Version: "v1.0.0", Node: "node-a", Families: []string{"IPv4"}, Scheduler: "rr", Started: now.Add(-time.Hour), Taken: now}
	d.Takeover.Wanted = true
	d.Tables = []snapshot.Table{{Kind: "real server", Wanted: 3, Held: 2, Due: 1, Failure: "create real server x: no answer"}}
	for _, c := range []struct {
		health snapshot.Health
		want   string
	}{
		{snapshot.Health{}, "not ready: no pass has succeeded yet"},
		{snapshot.Health{Ready: true, Synced: now.Add(-2 * time.Minute)}, "unhealthy: changes wait since the last good pass 2m0s ago"},
		{snapshot.Health{Ready: true, Healthy: true}, "healthy, but load balancers are told to keep away"},
	} {
		d.Health = c.health
		text := Status(snapshot.Machine{Release: "6.1.0"}, d, Style{})
		for _, want := range []string{c.want, "takeover        waits", "1 row not as wanted: create real server x: no answer"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s\nwant in it: %s", text, want)
			}
		}
	}
}

func TestColour(t *testing.T) {
	if got := (Style{Colour: true}).in(bad, "no"); got != "\x1b[31mno\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := (Style{}).in(bad, "no"); got != "no" {
		t.Errorf("%q", got)
	}
}
