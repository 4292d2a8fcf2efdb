//go:build e2e

package device

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func openHere(t *testing.T) *Device {
	t.Helper()
	d, err := Open(host.FindServed())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// A look at the node's addresses makes no garbage for those of Services.
func TestALookAtTheNodeMakesNoGarbageForServices(t *testing.T) {
	const services, looks, each = 5000, 10, 16 << 10
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	if _, err := k.EnsureDevice(); err != nil {
		t.Fatal(err)
	}
	own := []string{"203.0.113.1", "2001:db8::1"}
	for _, addr := range append(own, "169.254.7.7") {
		kerneltest.Output(t, "ip", "address", "add", addr, "dev", "lo")
	}
	look := func() (garbage uint64, took time.Duration) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		for range looks {
			got, err := k.NodeAddresses(t.Context())
			if err != nil || len(got) != len(own) || got[0].Addr().String() != own[0] || got[1].Addr().String() != own[1] {
				t.Fatalf("%v, %v; want %v", got, err, own)
			}
		}
		took = time.Since(begin) / looks
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / looks, took
	}
	none, quick := look()
	ops := make([]reconcile.Op[netip.Addr, state.None], services)
	for i := range ops {
		ops[i].Verb, ops[i].Key = reconcile.Create, netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|96<<16|uint32(i+1))))
	}
	for _, err := range k.Addresses().Apply(t.Context(), ops) {
		if err != nil {
			t.Fatal(err)
		}
	}
	many, took := look()
	t.Logf("a look: %d bytes of garbage in %s without Services, %d in %s with %d", none, quick, many, took, services)
	if many > none+each {
		t.Errorf("%d Services: a look makes %d bytes of garbage, %d without them", services, many, none)
	}
	if bound, err := k.Addresses().List(t.Context()); err != nil || len(bound) != services {
		t.Errorf("%d addresses of Services, %v; want %d", len(bound), err, services)
	}
}

// The gateways of default routes are told, of either family and through several
// hops, and others are not.
func TestWaysOutAreTheDefaultRoutes(t *testing.T) {
	kerneltest.FreshNamespace(t)
	for _, args := range [][]string{
		{"link", "add", "eth0", "type", "dummy"},
		{"link", "set", "eth0", "up"},
		{"address", "add", "192.0.2.1/24", "dev", "eth0"},
		{"-6", "address", "add", "2001:db8::1/64", "dev", "eth0", "nodad"},
	} {
		kerneltest.Output(t, append([]string{"ip"}, args...)...)
	}
	k := openHere(t)
	ways := func(want ...string) {
		t.Helper()
		got, err := k.WaysOut(t.Context())
		if err != nil || !slices.Equal(got.Gateways, addressesIn(want...)) {
			t.Errorf("%v, %v; want %v", got.Gateways, err, want)
		}
	}
	ways()
	kerneltest.Output(t, "ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.9")
	kerneltest.Output(t, "ip", "route", "add", "default", "via", "192.0.2.9", "table", "99")
	kerneltest.Output(t, "ip", "route", "add", "default", "via", "192.0.2.254")
	kerneltest.Output(t, "ip", "route", "add", "default", "metric", "7", "nexthop", "via", "192.0.2.252", "nexthop", "via", "192.0.2.253")
	kerneltest.Output(t, "ip", "-6", "route", "add", "default", "via", "2001:db8::fe")
	ways("192.0.2.254", "192.0.2.252", "192.0.2.253", "2001:db8::fe")
}
