package proxier_test

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// begun is a daemon that may fail.
func begun(t *testing.T, api *fakeCluster, k *kerneltest.Kernel) (*proxier.Proxier, *health.Health) {
	t.Helper()
	h := health.New(2*testConfig.SyncPeriod, "IPv4")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := proxier.New(testConfig, proxier.Parts{
		API: api, Changes: api.changes, Kernel: k, Health: h, HealthPorts: k.HealthPorts(), Events: api,
	})
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return p, h
}

// A start that the kernel refuses is tried until it succeeds: a daemon that ends
// would only be started again, and it does not say why it is not healthy.
func TestAStartIsTriedUntilItSucceeds(t *testing.T) {
	for call, says := range map[string]string{
		"prepare": "the kernel", "list node addresses": "the node", "list virtual server": "the kernel", "list member": "the kernel",
	} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, k := newFakeCluster(), kerneltest.New()
				svc, slice := numbered(1, 1, 0)
				api.setService(svc)
				api.setSlice(slice)
				k.Fail(call, 1000)
				_, h := begun(t, api, k)
				time.Sleep(3 * time.Minute)
				r := h.Report(time.Now())
				if r.Healthy || h.Ready() || !strings.Contains(r.Reason, says) {
					t.Errorf("while nothing succeeds: ready %t, %+v", h.Ready(), r)
				}
				if r := h.Liveness(time.Now()); !r.Healthy {
					t.Errorf("another start would fail as this one does: %+v", r)
				}
				if tries := strings.Count(k.Calls(), call+" "); tries != 1 {
					t.Errorf("%d tries are counted", tries)
				}
				k.Fail(call, 0)
				time.Sleep(time.Minute)
				synctest.Wait()
				if r := h.Report(time.Now()); !r.Healthy || !h.Ready() || len(k.Rows().RealServers) != 1 {
					t.Errorf("once all succeeds: ready %t, %+v, real servers %v", h.Ready(), r, k.Rows().RealServers)
				}
			})
		})
	}
}

// A kind of which no row can be had makes the daemon unhealthy after a while, also
// when changes of others succeed; the rows are named in the metrics.
func TestAKindThatFailsIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		p, h := begun(t, api, k)
		k.Fail("create real server", 1000)
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		time.Sleep(2*testConfig.SyncPeriod - time.Second)
		synctest.Wait()
		if r := h.Report(time.Now()); !r.Healthy {
			t.Errorf("too early: %+v", r)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r := h.Report(time.Now()); r.Healthy || !strings.Contains(r.Reason, "real server") {
			t.Errorf("a row is overdue: %+v", r)
		}
		if r := h.Liveness(time.Now()); !r.Healthy {
			t.Errorf("no call hangs: %+v", r)
		}
		const row = "10.96.0.1:80/TCP -> 10.128.0.1:8080"
		if age, named := failingRow(t, p); named != row || age < 60 || age > 62 {
			t.Errorf("the metrics name %q, %g s old; want %q, 61 s", named, age, row)
		}
		k.Fail("create real server", 0)
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := h.Report(time.Now()); !r.Healthy {
			t.Errorf("all has succeeded: %+v", r)
		}
		if _, named := failingRow(t, p); named != "" {
			t.Errorf("the metrics still name %q", named)
		}
	})
}

// A row that the kernel refuses is the trouble of one Service: metrics, and an
// Event that is told once and again when it has changed. The node is ready and
// healthy, and the Service's other rows are served (F32).
func TestARefusedRowIsOneServicesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		for _, i := range []int{1, 2} {
			svc, slice := numbered(i, 2, 0)
			api.setService(svc)
			api.setSlice(slice)
		}
		bad := netip.MustParseAddr("10.128.0.1")
		k.Refuse(bad, true)
		p, h := begun(t, api, k)
		seen := func(refused float64) {
			t.Helper()
			if r := h.Report(time.Now()); !r.Healthy || !h.Ready() {
				t.Errorf("ready %t, %+v", h.Ready(), r)
			}
			if n := sample(t, p, "kubeipvs_rows", "real server", "refused"); n != refused {
				t.Errorf("the metrics count %g refused real servers, want %g", n, refused)
			}
			if n := len(k.Rows().RealServers); n != 4-int(refused) {
				t.Errorf("there are %d real servers of 4, %g are refused", n, refused)
			}
		}
		const told = "shop/cart-1: create real server 10.96.0.1:80/TCP -> 10.128.0.1:8080: invalid argument\n"
		if got := api.told(); got != told {
			t.Errorf("told %q, want %q", got, told)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		seen(1)
		if _, named := failingRow(t, p); named != "10.96.0.1:80/TCP -> 10.128.0.1:8080" {
			t.Errorf("the metrics name %q", named)
		}
		if got := api.told(); got != "" {
			t.Errorf("told again: %q", got)
		}
		k.Refuse(bad, false)
		time.Sleep(time.Minute)
		synctest.Wait()
		seen(0)
		k.Refuse(bad, true)
		k.Drift(func(r *state.Rows) {
			maps.DeleteFunc(r.RealServers, func(rs state.RealServer, _ state.Weight) bool { return rs.Addr.Addr() == bad })
		})
		time.Sleep(2 * testConfig.SyncPeriod)
		synctest.Wait()
		seen(1)
		if got := api.told(); got != told {
			t.Errorf("told %q once it is refused anew, want %q", got, told)
		}
	})
}

// Without an answer nothing is known of traffic.
func TestAKindThatCannotBeReadIsSeen(t *testing.T) {
	for call, kind := range map[string]string{"list address": "address", "look for real server": "real server"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, k := newFakeCluster(), kerneltest.New()
				svc, slice := numbered(1, 1, 0)
				api.setService(svc)
				api.setSlice(slice)
				_, h := begun(t, api, k)
				k.Fail(call, 1000)
				time.Sleep(4 * testConfig.SyncPeriod)
				synctest.Wait()
				if r := h.Report(time.Now()); r.Healthy || !strings.HasSuffix(r.Reason, "read any "+kind) {
					t.Errorf("%+v", r)
				}
				if r := h.Liveness(time.Now()); !r.Healthy {
					t.Errorf("no call hangs: %+v", r)
				}
				k.Fail(call, 0)
				time.Sleep(2 * testConfig.SyncPeriod)
				synctest.Wait()
				if r := h.Report(time.Now()); !r.Healthy {
					t.Errorf("all has succeeded: %+v", r)
				}
			})
		})
	}
}

// sample is the one of a metric with these values of its labels, in their order.
func sample(t *testing.T, p *proxier.Proxier, metric string, labels ...string) float64 {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetValue())
			}
			if f.GetName() == metric && slices.Equal(has, labels) {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Errorf("no metric %s of %v", metric, labels)
	return 0
}

// failingRow is the row that the metrics name, and its age.
func failingRow(t *testing.T, p *proxier.Proxier) (age float64, row string) {
	t.Helper()
	return labelled(t, p, "kubeipvs_failing_row_seconds", "row")
}

// labelled is the first sample of a metric, and what its label says.
func labelled(t *testing.T, p *proxier.Proxier, metric, label string) (value float64, says string) {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == label {
					return m.GetGauge().GetValue() + m.GetCounter().GetValue(), l.GetValue()
				}
			}
		}
	}
	return 0, ""
}

// A sysctl that a container may not write keeps nothing from being served, at
// the start or later, and is told.
func TestASysctlThatCannotBeSetIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		k.Fail("set sysctls", 1000)
		k.Damage("sysctl")
		p, h := begun(t, api, k)
		time.Sleep(2 * testConfig.SyncPeriod)
		synctest.Wait()
		if r := h.Report(time.Now()); !r.Healthy || !h.Ready() || len(k.Rows().RealServers) != 1 {
			t.Errorf("ready %t, %+v, real servers %v", h.Ready(), r, k.Rows().RealServers)
		}
		if n, action := labelled(t, p, "kubeipvs_failures_total", "operation"); n < 1 || action != "set sysctls" {
			t.Errorf("the metrics count %g failures to %q", n, action)
		}
		k.Fail("set sysctls", 0)
		time.Sleep(2 * testConfig.SyncPeriod)
		synctest.Wait()
		if left, err := k.Sysctls(t.Context()); left != 0 || err != nil {
			t.Errorf("%d sysctls are still wrong, %v", left, err)
		}
	})
}
