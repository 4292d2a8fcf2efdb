//go:build e2e

package kernel

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// A look at the node's addresses makes no garbage for those of Services.
func TestALookAtTheNodeMakesNoGarbageForServices(t *testing.T) {
	const services, looks, each = 5000, 10, 16 << 10
	freshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := []string{"203.0.113.1", "2001:db8::1"}
	for _, addr := range append(own, "169.254.7.7") {
		output(t, "ip", "address", "add", addr, "dev", "lo")
	}
	look := func() (garbage uint64, took time.Duration) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		for range looks {
			got, err := k.NodeAddresses(t.Context())
			if err != nil || len(got) != len(own) || got[0].String() != own[0] || got[1].String() != own[1] {
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
