package explain

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
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
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
		if (err != nil) != (want == Target{}) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseClient(t *testing.T) {
	for text, want := range map[string]Client{
		"10.244.1.7":        {Addr: netip.MustParseAddr("10.244.1.7")},
		"::ffff:10.244.1.7": {Addr: netip.MustParseAddr("10.244.1.7")},
		"fd00::7":           {Addr: netip.MustParseAddr("fd00::7")},
		"node":              {Node: true},
		"fe80::1%eth0":      {},
		"10.244.1.7:80":     {},
		"shop/web":          {},
		"":                  {},
	} {
		got, err := ParseClient(text)
		if got != want || (err != nil) != (want == Client{}) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
}

// What the daemon says of its rules decides how the client is taken.
func TestTraceOfAClient(t *testing.T) {
	at := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	m := snapshot.Machine{Rows: state.NewRows(), IPVS: true}
	m.Rows.VirtualServers[at] = state.Balancing{Scheduler: "rr"}
	m.Rows.RealServers[state.RealServer{VirtualServer: at, Addr: netip.MustParseAddrPort("10.244.1.1:8080")}] = 1
	m.Rows.Addresses[at.Addr.Addr()] = state.None{}
	for _, row := range []state.Member{
		state.ServicePorts.Holding(ipset.IPPort(at.Addr, uint8(at.Protocol))), state.ClusterPorts.Holding(ipset.IPPort(at.Addr, uint8(at.Protocol))),
		state.Addresses.Holding(ipset.IP(at.Addr.Addr())),
	} {
		m.Rows.Members[row] = state.None{}
	}
	d := &snapshot.Daemon{Services: []snapshot.Service{{
		Name: "shop/web", Rows: m.Rows, Frontends: []snapshot.Frontend{{Kind: "ClusterIP", Server: at, Owned: true, Endpoints: []snapshot.Endpoint{
			{Addr: netip.MustParseAddrPort("10.244.1.1:8080"), Ready: true, Chosen: true},
		}}},
	}}}
	byBridge := &rules.Config{Mark: 0x4000, Pods: rules.Pods{Interface: "cni0"}}
	pod := Client{Addr: netip.MustParseAddr("10.244.1.7"), Interface: "cni0"}
	for _, c := range []struct {
		daemon *snapshot.Daemon
		rules  *rules.Config
		from   Client
		works  bool
		want   string
	}{
		{d, byBridge, pod, true, "reaches 10.244.1.1:8080, which sees 10.244.1.7\n"},
		{d, byBridge, Client{Addr: pod.Addr, Interface: "eth0"}, true, "reaches 10.244.1.1:8080, which sees an address of the node\n"},
		{d, nil, pod, false, "not known"},
		{nil, nil, pod, false, "not known"},
	} {
		d.Rules = c.rules
		text, works := Trace(m, c.daemon, Target{Service: "shop/web", From: c.from}, Style{})
		if works != c.works || !strings.Contains(text, c.want) {
			t.Errorf("%t,\n%swant %t and in it: %s", works, text, c.works, c.want)
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
		r := xtables.ReadMatch(rule)
		if got := concerns(r, vs); got != want.matches || got && r.Some != want.some {
			t.Errorf("%s: matches %t, only some %t; want %+v", rule, got, r.Some, want)
		}
	}
}

// K41: a host that keeps out what no rule lets in.
func TestTheHostsFirewall(t *testing.T) {
	for name, c := range map[string]struct {
		table snapshot.Tables
		wish  Requirements
		level Level
	}{
		"no firewall":        {snapshot.Tables{Ours: true}, Requirements{Accept: true}, ""},
		"accepted":           {snapshot.Tables{Ours: true, Refuses: true, Accepts: true}, Requirements{Accept: true}, Fine},
		"to be accepted":     {snapshot.Tables{Ours: true, Refuses: true}, Requirements{Accept: true}, Fine},
		"the host decides":   {snapshot.Tables{Ours: true, Refuses: true}, Requirements{}, Warning},
		"of another backend": {snapshot.Tables{Refuses: true}, Requirements{}, ""},
	} {
		var got Level
		for _, r := range checkFirewall(snapshot.Machine{Tables: []snapshot.Tables{c.table}}, c.wish) {
			got = r.Level
		}
		if got != c.level {
			t.Errorf("%s: %q, want %q", name, got, c.level)
		}
	}
	firewalld := snapshot.Machine{Processes: []snapshot.Process{{ID: 7, Name: "firewalld"}}}
	if all := checkFirewall(firewalld, Requirements{}); len(all) != 1 || all[0].Level != Warning {
		t.Errorf("firewalld: %+v", all)
	}
}

// A rule of the host that stands behind one of ours that accepts is not the cause.
func TestRulesBehindOursDoNotCount(t *testing.T) {
	refusing := "-j REJECT --reject-with icmp-host-prohibited"
	ours := "-m conntrack --ctstate NEW -j KIPVS-FILTER"
	for name, c := range map[string]struct {
		table  snapshot.Tables
		causes int
	}{
		"behind one that accepts":         {snapshot.Tables{Dump: xtables.Dump{xtables.FilterInput: {ours, refusing}}, Accepts: true}, 0},
		"behind one that does not":        {snapshot.Tables{Dump: xtables.Dump{xtables.FilterInput: {ours, refusing}}}, 1},
		"before one that would accept it": {snapshot.Tables{Dump: xtables.Dump{xtables.FilterInput: {refusing, ours}}, Accepts: true}, 1},
	} {
		var v verdict
		f := traced{}
		if err := f.Server.UnmarshalText([]byte("10.96.0.1:80/TCP")); err != nil {
			t.Fatal(err)
		}
		if v.input(c.table, f); len(v.causes) != c.causes {
			t.Errorf("%s: %q", name, v.causes)
		}
	}
}

func TestStatusOfADaemonInTrouble(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	d := snapshot.Daemon{Version: "v1.0.0", Node: "node-a", Families: []string{"IPv4"}, Scheduler: "rr", Started: now.Add(-time.Hour), Taken: now}
	d.Takeover.Enabled = true
	d.Tables = []snapshot.Table{{Kind: "real server", Desired: 3, Observed: 2, Pending: 1, Failure: "create real server x: no answer"}}
	for _, c := range []struct {
		health snapshot.Health
		want   string
	}{
		{snapshot.Health{}, "not ready: no pass has ended yet"},
		{snapshot.Health{Reason: "tried in vain since noon: read the node"}, "not ready: tried in vain since noon: read the node"},
		{snapshot.Health{Ready: true, Reason: "a change has waited since noon"}, "unhealthy: a change has waited since noon"},
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
	if got := (Style{Colour: true}).in(Error, "no"); got != "\x1b[31mno\x1b[0m" {
		t.Errorf("%q", got)
	}
	if got := (Style{}).in(Error, "no"); got != "no" {
		t.Errorf("%q", got)
	}
}

// Without a daemon, and with one that has not begun, the kernel is shown all the
// same.
func TestWithoutADaemonTheKernelIsShown(t *testing.T) {
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	m := snapshot.Machine{Release: "6.1.0", IPVS: true, Rows: state.NewRows()}
	m.Rows.VirtualServers[vs] = state.Balancing{Scheduler: "rr"}
	m.Rows.Addresses[vs.Addr.Addr()] = state.None{}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	waits := snapshot.Daemon{
		Version: "v1", Node: "node-a", Started: at, Taken: at.Add(5 * time.Minute),
		Waiting: &snapshot.Waiting{For: "the API server", Since: at.Add(time.Minute), Failure: "connection refused"},
	}
	const rows = `
ROWS            OBSERVED
set member      0
virtual server  1
real server     0
address         1
`
	for what, c := range map[string]struct{ got, want string }{
		"status, alone": {
			Alone(m, "none answers in this network namespace"),
			"kube-ipvs  no daemon, because none answers in this network namespace\nkernel     6.1.0\nhealth     not known\n" + rows,
		},
		"status of a daemon that waits": {
			Status(m, waits, Style{}),
			"kube-ipvs  v1 on node node-a, up 5m0s\nkernel     6.1.0\n" +
				"health     not ready: it has waited 4m0s for the API server, the last try: connection refused\n" + rows,
		},
		"diff, alone": {Diff(m, nil), "  address 10.96.0.1\n  virtual server 10.96.0.1:80/TCP rr\n"},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
