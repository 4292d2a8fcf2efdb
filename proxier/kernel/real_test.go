//go:build e2e

// These tests need root and a kernel with IPVS: `make e2e` brings both.
package kernel

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var config = Config{
	Scheduler: "rr",
	Rules: rules.Config{
		Mark: 0x4000,
		Pods: rules.Pods{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}},
	},
}

func openHere(t *testing.T, cfg Config) *Kernel {
	t.Helper()
	k, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestTheRealKernelKeepsTheContract(t *testing.T) {
	for _, backend := range []rules.Backend{rules.IPTables, rules.NFTables} {
		t.Run(string(backend), func(t *testing.T) {
			kerneltest.Contract(t, func(t *testing.T) kerneltest.Machine {
				kerneltest.FreshNamespace(t)
				cfg := config
				cfg.Backend = backend
				return openHere(t, cfg)
			})
		})
	}
}

// wholeState is everything that Prepare may change, as a person would look.
func wholeState(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, command := range [][]string{
		{"iptables-save"}, {"ip6tables-save"}, {"ipset", "save"}, {"ip", "-br", "link"}, {"ipvsadm", "-Sn"},
	} {
		for line := range strings.Lines(kerneltest.Output(t, command...)) {
			// A table that was looked at or used stays, empty.
			if line[0] != '#' && line[0] != '*' && !strings.HasPrefix(line, "COMMIT") && !strings.Contains(line, " ACCEPT [") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

func TestPrepareIsIdempotentAndCleanupLeavesNothing(t *testing.T) {
	kerneltest.FreshNamespace(t)
	before := wholeState(t)
	k := openHere(t, config)
	if got := wholeState(t); got != before {
		t.Errorf("Open has changed something:\n%s", got)
	}
	if left, err := k.Host(t.Context()); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	if got := wholeState(t); got != before {
		t.Errorf("Host has changed more than sysctls:\n%s", got)
	}
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	prepared := wholeState(t)
	for _, want := range []string{"-A PREROUTING -j KIPVS-MARK", "create KIPVS6-HAIRPIN hash:ip,port,ip family inet6", device.Name} {
		if !strings.Contains(prepared, want) {
			t.Errorf("after Prepare there is no %q in\n%s", want, prepared)
		}
	}
	if mended, err := openHere(t, config).Prepare(t.Context()); err != nil || len(mended) > 0 {
		t.Errorf("a restart would write what is there: %v, %v", mended, err)
	}
	if _, err := leftovers.Remove(t.Context(), k, leftovers.Cleanup); err != nil {
		t.Fatal(err)
	}
	if got := wholeState(t); got != before {
		t.Errorf("the cleanup has left:\n%s\nbefore there was:\n%s", got, before)
	}
}

// A flush of IPVS takes the servers of answers along; half of one is no server.
func TestTheServersOfAnswersAreMadeAgain(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := kerneltest.Output(t, "ipvsadm", "-Sn")
	if n := strings.Count(whole, "-a -f 12405 "); n != 2 {
		t.Fatalf("%d servers of answers:\n%s", n, whole)
	}
	for _, damage := range [][]string{{"-C"}, {"-d", "-f", "12405", "-r", "127.0.0.1"}} {
		kerneltest.Output(t, append([]string{"ipvsadm"}, damage...)...)
		if mended, err := k.Prepare(t.Context()); err != nil || mended["virtual server"] == 0 {
			t.Errorf("%q: %v, %v", damage, mended, err)
		}
		if got := kerneltest.Output(t, "ipvsadm", "-Sn"); got != whole {
			t.Errorf("%q: there is\n%s\nwant\n%s", damage, got, whole)
		}
	}
	if mended, err := k.Prepare(t.Context()); err != nil || len(mended) > 0 {
		t.Errorf("nothing was damaged: %v, %v", mended, err)
	}
}

func TestDamagedRulesAreRepaired(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := kerneltest.Output(t, "iptables-save")
	for _, damage := range [][]string{
		{"-t", "nat", "-D", "PREROUTING", "1"},
		{"-t", "nat", "-F", "KIPVS-MASQUERADE"},
		{"-t", "nat", "-A", "KIPVS-MARK", "-j", "RETURN"},
		{"-t", "nat", "-I", "OUTPUT", "-j", "KIPVS-MARK"},
		{"-t", "filter", "-N", "KIPVS-STRANGER"},
		{"-t", "filter", "-F"},
	} {
		kerneltest.Output(t, append([]string{"iptables"}, damage...)...)
		if _, err := k.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := rulesOnly(kerneltest.Output(t, "iptables-save")); got != rulesOnly(whole) {
			t.Errorf("after %q and Prepare:\n%s\nwant\n%s", damage, got, rulesOnly(whole))
		}
	}
}

func rulesOnly(dump string) string {
	var b strings.Builder
	for line := range strings.Lines(dump) {
		if line[0] == '-' {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestForeignVirtualServersAreNeverListed(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	kerneltest.Output(t, "ipvsadm", "-A", "-t", "10.0.0.1:80", "-s", "rr")
	kerneltest.Output(t, "ipvsadm", "-A", "-f", "7", "-s", "rr")
	kerneltest.Output(t, "ipvsadm", "-A", "-t", "10.0.0.2:80", "-s", "rr", "-b", "flag-3")
	rows, err := k.VirtualServers().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ours := state.VirtualServer{Addr: netip.MustParseAddrPort("10.0.0.2:80"), Protocol: state.TCP}
	if _, ok := rows[ours]; !ok || len(rows) != 1 {
		t.Errorf("listed %v, want only %s: it bears our flag", rows, ours)
	}
}

// Excluded ranges are about servers of others. Ours in them are listed, found by
// name and cleaned up; those of others there are not even adopted (A30, K10).
func TestOursInAnExcludedRangeAreOurs(t *testing.T) {
	kerneltest.FreshNamespace(t)
	cfg := config
	cfg.ExcludeCIDRs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	k := openHere(t, cfg)
	kerneltest.Output(t, "ipset", "create", "KUBE-CLUSTER-IP", "hash:ip,port")
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("192.0.2.1:80"), Protocol: state.TCP}
	want := map[state.VirtualServer]state.Balancing{vs: {Scheduler: "rr"}}
	errs := k.VirtualServers().Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: vs, Value: want[vs]},
	})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	add(t, k.Addresses(), vs.Addr.Addr())
	kerneltest.Output(t, "ipvsadm", "-A", "-t", "192.0.2.1:6443", "-s", "wrr")
	listed, err := k.VirtualServers().List(t.Context())
	if err != nil || !maps.Equal(listed, want) {
		t.Errorf("listed %v, %v; want %v", listed, err, want)
	}
	found, err := k.VirtualServers().(reconcile.Looker[state.VirtualServer, state.Balancing]).Look(t.Context(), []state.VirtualServer{vs})
	if err != nil || !maps.Equal(found, want) {
		t.Errorf("found %v, %v; want %v", found, err, want)
	}
	if p := k.Scan(t.Context(), leftovers.Adoption).Plan(); len(p.Steps) > 0 {
		t.Errorf("a server of others in an excluded range is adopted:\n%s", p)
	}
	if _, err := leftovers.Remove(t.Context(), k, leftovers.Cleanup); err != nil {
		t.Fatal(err)
	}
	if left := kerneltest.Output(t, "ipvsadm", "-Sn"); left != "-A -t 192.0.2.1:6443 -s wrr\n" {
		t.Errorf("left:\n%s", left)
	}
}

func TestAWantedForeignVirtualServerIsAdoptedInPlace(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	kerneltest.Output(t, "ipvsadm", "-A", "-t", "10.0.0.1:80", "-s", "lc")
	kerneltest.Output(t, "ipvsadm", "-a", "-t", "10.0.0.1:80", "-r", "10.244.1.1:8080", "-m", "-w", "5")
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.0.0.1:80"), Protocol: state.TCP}
	errs := k.VirtualServers().Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: vs, Value: state.Balancing{Scheduler: "rr"}},
	})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	got := kerneltest.Output(t, "ipvsadm", "-Sn")
	for _, want := range []string{"-A -t 10.0.0.1:80 -s rr -b flag-3", "-a -t 10.0.0.1:80 -r 10.244.1.1:8080 -m -w 5"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestMembersOfOurSetsOnly(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	kerneltest.Output(t, "ipset", "create", "STRANGER", "hash:ip")
	kerneltest.Output(t, "ipset", "add", "STRANGER", "10.0.0.1")
	kerneltest.Output(t, "ipset", "add", state.Addresses.Name(ipset.IPv4), "10.0.0.2")
	rows, err := k.Members().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := rows[state.Addresses.Holding(ipset.IP(netip.MustParseAddr("10.0.0.2")))]; !ok || len(rows) != 1 {
		t.Errorf("listed %v, want only 10.0.0.2", rows)
	}
}

// A flow that began before its virtual server stands in conntrack as never
// translated; it goes, and one that is answered by a real server stays.
func TestFlowsThatNobodyAnswersAreForgotten(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	dns := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.10:53"), Protocol: state.UDP}
	for client, answering := range map[string]string{"10.244.1.7": "10.96.0.10", "10.244.1.8": "10.244.1.1"} {
		kerneltest.Output(t, "conntrack", "-I", "-p", "udp", "-t", "120", "-s", client, "-d", "10.96.0.10",
			"--sport", "4000", "--dport", "53", "-r", answering, "-q", client, "--reply-port-src", "53", "--reply-port-dst", "4000")
	}
	for _, want := range []int{1, 0} {
		deleted, err := k.ForgetFlows(t.Context(), map[state.VirtualServer][]netip.AddrPort{
			dns: {netip.MustParseAddrPort("10.244.1.1:53")},
		})
		if err != nil || deleted != want {
			t.Errorf("deleted %d flows, %v; want %d", deleted, err, want)
		}
	}
	if left := kerneltest.Output(t, "conntrack", "-L", "-p", "udp"); !strings.Contains(left, "10.244.1.8") || strings.Contains(left, "10.244.1.7") {
		t.Errorf("left:\n%s", left)
	}
}
