//go:build e2e

package device

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestRoutesToServiceAddresses looks at the route of each address on our device:
// packets of the node may be divided on it, whatever has bound the address. It
// goes with the address.
func TestRoutesToServiceAddresses(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	prepare := func(replaced int) {
		t.Helper()
		_, err := k.EnsureDevice()
		if err != nil {
			t.Error(err)
		}
		if n, err := k.EnsureRoutes(); err != nil || n != replaced {
			t.Errorf("replaced %d routes, %v; want %d", n, err, replaced)
		}
	}
	routes := func() (all []string) {
		for line := range strings.Lines(kerneltest.Output(t, "ip", "route", "show", "table", "local", "dev", Name)) {
			all = append(all, strings.TrimSpace(line))
		}
		return all
	}
	expect := func(want ...string) {
		t.Helper()
		for i, addr := range want {
			want[i] = "local " + addr + " proto kernel scope host src " + addr + " mtu lock 65520"
		}
		if got := routes(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("routes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	ours := map[netip.Addr]state.None{netip.MustParseAddr("10.96.0.1"): {}, netip.MustParseAddr("fd00:10:96::1"): {}}
	apply := func(verb reconcile.Verb) {
		t.Helper()
		for addr := range ours {
			op := reconcile.Op[netip.Addr, state.None]{Verb: verb, Key: addr}
			if errs := k.Addresses().Apply(t.Context(), []reconcile.Op[netip.Addr, state.None]{op}); errs[0] != nil {
				t.Error(errs[0])
			}
		}
	}
	prepare(0)
	apply(reconcile.Create)
	expect("10.96.0.1")
	// K43: never a source of the node's own packets, and of use at once.
	if ours6 := kerneltest.Output(t, "ip", "-6", "-o", "address", "show", "dev", Name); !strings.Contains(ours6, " nodad deprecated ") || strings.Contains(ours6, "tentative") {
		t.Errorf("IPv6 addresses: %s", ours6)
	}
	prepare(0)
	kerneltest.Output(t, "ip", "address", "add", "10.96.0.2/32", "dev", Name) // as kube-proxy does
	kerneltest.Output(t, "ip", "route", "replace", "local", "10.96.0.1", "dev", Name, "table", "local", "proto", "kernel", "scope", "host", "src", "10.96.0.1")
	prepare(2)
	expect("10.96.0.1", "10.96.0.2")
	apply(reconcile.Create) // it is there already
	apply(reconcile.Delete)
	expect("10.96.0.2")
	kerneltest.Output(t, "ip", "address", "del", "10.96.0.2/32", "dev", Name)
	expect()
	prepare(0)
}
