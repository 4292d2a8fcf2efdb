//go:build e2e

package kernel

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// The node's addresses tell which networks it is in, and so what is a broadcast
// address: the kernel takes none for a real server.
func TestNodeAddressesTellTheirNetworks(t *testing.T) {
	kerneltest.FreshNamespace(t)
	for _, args := range [][]string{
		{"link", "add", "eth0", "type", "dummy"},
		{"link", "set", "eth0", "up"},
		{"address", "add", "192.0.2.1/24", "dev", "eth0"},
		{"address", "add", "2001:db8::1/64", "dev", "eth0"},
		{"address", "add", "192.0.2.7/32", "dev", "lo"},
	} {
		kerneltest.Output(t, append([]string{"ip"}, args...)...)
	}
	k := openHere(t, config)
	got, err := k.NodeAddresses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, netip.Prefix.Compare)
	want := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::1/64"),
	}
	slices.SortFunc(want, netip.Prefix.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}

	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	errs := k.VirtualServers().Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: vs, Value: state.Balancing{Scheduler: "rr"}},
	})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	rs := state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort("192.0.2.255:80")}
	errs = k.RealServers().Apply(t.Context(), []reconcile.Op[state.RealServer, state.Weight]{{Verb: reconcile.Create, Key: rs, Value: 1}})
	if errs[0] == nil {
		t.Errorf("%s: no error", rs)
	}
}
