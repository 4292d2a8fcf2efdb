package proxier_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestKilledAfterAnyCall kills a daemon after its first kernel call, after its
// second and so on, in the middle of a change, and starts another one: the
// kernel ends as if nothing had happened (F5).
func TestKilledAfterAnyCall(t *testing.T) {
	want := ""
	for calls := -1; ; calls++ {
		var got string
		var cut bool
		synctest.Test(t, func(t *testing.T) { got, cut = killed(t, calls) })
		if calls < 0 {
			want = got
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("killed after %d calls (-never killed +now):\n%s", calls, diff)
		}
		if !cut {
			t.Logf("killed after each of %d calls", calls)
			return
		}
	}
}

// killed tells what the kernel holds in the end, and whether the first daemon
// did not come to its end.
func killed(t *testing.T, calls int) (rows string, cut bool) {
	api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
	run := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute), HealthPorts: k.HealthPorts(), Events: api,
		})
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		return func() {
			cancel()
			t.Log(<-done) // it may have been cut short
		}
	}
	for i := range 3 {
		svc, slice := numbered(i, 2, 0)
		api.setService(svc)
		api.setSlice(slice)
	}
	stop := run()
	stop()
	// While the daemon is away one endpoint moves, a Service comes and one goes.
	_, slice := numbered(0, 2, 7)
	api.setSlice(slice)
	svc, slice := numbered(3, 2, 0)
	api.setService(svc)
	api.setSlice(slice)
	api.remove("shop/cart-1")
	k.Drift(func(r *state.Rows) { clear(r.HealthPorts) })

	k.CutOff(calls)
	stop = run()
	time.Sleep(2 * time.Second)
	synctest.Wait()
	stop()
	k.CutOff(-1)
	k.Calls()
	stop = run()
	cut = hasWritten(k.Calls())
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	stop()
	return k.Rows().String(), cut
}

func hasWritten(calls string) bool {
	for line := range strings.Lines(calls) {
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "create", "update", "delete":
			return true
		}
	}
	return false
}

// TestACallThatHangsIsSeen: the daemon is not healthy when the kernel does not
// answer, and is again when it does (F25). An API server that is away is no
// such thing (F1).
func TestACallThatHangsIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		api, k := newFakeCluster(), slow{Kernel: kerneltest.New(), look: func(state.Rows) { <-answer }}
		svc, slice := numbered(1, 1, 0)
		h := health.New(2*testConfig.SyncPeriod, "IPv4")
		ctx, cancel := context.WithCancel(t.Context())
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: h, HealthPorts: k.HealthPorts(), Events: api,
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		healthy := func(want bool) {
			t.Helper()
			synctest.Wait()
			if got := h.Report(time.Now()).Healthy; got != want {
				t.Errorf("healthy: %t, want %t", got, want)
			}
		}
		time.Sleep(time.Hour)
		healthy(true) // nothing to do for an hour
		api.setSlice(slice)
		api.setService(svc)
		time.Sleep(2*testConfig.SyncPeriod - time.Second)
		healthy(true)
		time.Sleep(2 * time.Second)
		healthy(false)
		close(answer)
		healthy(true)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
