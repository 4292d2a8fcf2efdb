package proxier_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// TestTimeFromChangeToKernel: the metric is about changes that the kernel has
// and that are younger than the daemon; what failed counts when it is done
// (B10).
func TestTimeFromChangeToKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		api.changes.Mark(nameOf(svc.ObjectMeta), time.Now().Add(-time.Hour))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(testConfig.SyncPeriod), HealthPorts: k.HealthPorts(), Events: api,
		})
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		expectLatencies(t, p, 0, 0) // older than the daemon

		time.Sleep(time.Second)
		k.FailAtRate(1)
		_, slice = numbered(1, 1, 1)
		api.setSlice(slice)
		api.changes.Mark(nameOf(svc.ObjectMeta), time.Now())
		synctest.Wait()
		expectLatencies(t, p, 0, 0) // not in the kernel yet

		k.FailAtRate(0)
		time.Sleep(5 * time.Second)
		expectLatencies(t, p, 1, 800*time.Millisecond) // the first retry, or the second when the marks were taken apart

		_, slice = numbered(1, 1, 2)
		api.setSlice(slice)
		api.changes.Mark(nameOf(svc.ObjectMeta), time.Now().Add(time.Hour))
		synctest.Wait()
		expectLatencies(t, p, 2, 800*time.Millisecond) // by a clock that is ahead: it took no time
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// expectLatencies wants so many observations that add up to at least total and
// at most twice as much.
func expectLatencies(t *testing.T, p *proxier.Proxier, n uint64, total time.Duration) {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "kubeproxy_network_programming_duration_seconds" {
			h := f.GetMetric()[0].GetHistogram()
			if sum := h.GetSampleSum(); h.GetSampleCount() != n || sum < total.Seconds() || sum > 2*total.Seconds() {
				t.Errorf("%d observations, %g s in all; want %d, from %s", h.GetSampleCount(), h.GetSampleSum(), n, total)
			}
			return
		}
	}
	t.Error("there is no such metric")
}
