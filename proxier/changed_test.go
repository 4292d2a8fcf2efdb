package proxier_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// What the kernel tells of is put right within a second (F8, F9), though
// reading back would come to it in thirty.
func TestWhatTheKernelTellsOfIsRepairedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		want := k.Rows().String()
		time.Sleep(3 * time.Second)
		for _, c := range []struct {
			name  string
			spoil func()
		}{
			{"the device is removed", func() {
				k.Damage("device")
				k.Tell(func(t *state.Changed) { t.Device = true })
			}},
			{"an address is removed", func() {
				a := netip.MustParseAddr("10.96.0.1")
				k.Drift(func(r *state.Rows) { delete(r.Addresses, a) })
				k.Tell(func(t *state.Changed) { t.Addresses = map[netip.Addr]bool{a: false} })
			}},
			{"a strange address comes", func() {
				a := netip.MustParseAddr("203.0.113.1")
				k.Drift(func(r *state.Rows) { r.Addresses[a] = state.None{} })
				k.Tell(func(t *state.Changed) { t.Addresses = map[netip.Addr]bool{a: true} })
			}},
			{"a rule is removed", func() {
				k.Damage("rule")
				k.Tell(func(t *state.Changed) { t.Rules = true })
			}},
		} {
			c.spoil()
			time.Sleep(time.Second)
			synctest.Wait()
			mended, err := k.Prepare(t.Context())
			if got := k.Rows().String(); got != want || err != nil || len(mended) > 0 {
				t.Errorf("%s: a second later the machine lacks %v and has\n%s", c.name, mended, got)
			}
			time.Sleep(time.Second)
		}
	})
}

// Changes of the daemon's own are told of like all others. They make no work.
func TestOwnChangesAreNotReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		own := map[netip.Addr]bool{netip.MustParseAddr("10.96.0.1"): true, netip.MustParseAddr("10.96.9.9"): false}
		k.Tell(func(t *state.Changed) { t.Addresses = own })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if calls := k.Calls(); strings.Contains(calls, "list") || strings.Contains(calls, "prepare") {
			t.Errorf("the daemon has read back what it had written itself:\n%s", calls)
		}
	})
}

// Addresses of the node are looked at about once a second however often the
// kernel tells of them, as where each Pod that starts brings one. Those that are
// what they were make no pass; one that is new is served at once.
func TestAddressesOfTheNodeAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		svc, slice := numbered(0, 3, 0)
		svc.Spec.Type, svc.Spec.Ports[0].NodePort = v1.ServiceTypeNodePort, 30080
		api.setService(svc)
		api.setSlice(slice)
		p := work(t, api, k, k)
		passes := func() uint64 { return observed(t, p, "kubeproxy_sync_proxy_rules_duration_seconds") }
		k.Calls()
		before := passes()
		for range 1000 {
			k.Tell(func(t *state.Changed) { t.NodeAddresses = true })
			time.Sleep(10 * time.Millisecond)
		}
		var looks int
		for line := range strings.Lines(k.Calls()) {
			_, _ = fmt.Sscanf(line, "list node addresses %d", &looks)
		}
		if after := passes(); looks < 5 || looks > 14 || after != before {
			t.Errorf("in ten seconds: %d looks at the node's addresses, want about ten, and %d passes, want none", looks, after-before)
		}
		come := netip.MustParseAddr("192.0.2.2")
		k.SetNodeAddresses(netip.MustParseAddr("192.0.2.1"), come)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, served := k.Rows().VirtualServers[state.VirtualServer{Addr: netip.AddrPortFrom(come, 30080), Protocol: state.TCP}]; !served {
			t.Errorf("a second after it has come %s is not served:\n%s", come, k.Rows())
		}
	})
}

// What could not be looked at is tried again soon, not when all is read back.
func TestAFailedLookAtTheNodeIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		k.Fail("list node addresses", 2)
		k.Tell(func(t *state.Changed) { t.NodeAddresses = true })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if calls := k.Calls(); !strings.Contains(calls, "list node addresses 3\n") {
			t.Errorf("two looks fail, and five seconds later there were\n%s", calls)
		}
	})
}

// observed is how often a histogram has been given a value.
func observed(t *testing.T, p *proxier.Proxier, histogram string) uint64 {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == histogram {
			return f.GetMetric()[0].GetHistogram().GetSampleCount()
		}
	}
	t.Fatalf("no metric %s", histogram)
	return 0
}

// However much the kernel tells, there is about one look a second.
func TestAStormOfEventsIsGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		for range 1000 {
			k.Tell(func(t *state.Changed) { t.Device, t.Rules = true, true })
			time.Sleep(10 * time.Millisecond)
		}
		var prepared, listed int
		for line := range strings.Lines(k.Calls()) {
			_, _ = fmt.Sscanf(line, "prepare %d", &prepared)
			_, _ = fmt.Sscanf(line, "list address %d", &listed)
		}
		if prepared < 5 || prepared > 14 || listed < 5 || listed > 14 {
			t.Errorf("in ten seconds prepared %d times and listed the addresses %d times, want about ten", prepared, listed)
		}
	})
}
