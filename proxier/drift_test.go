package proxier_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// running is a daemon that serves so many numbered Services with three
// endpoints each.
func running(t *testing.T, services int) (*fakeCluster, *kerneltest.Kernel) {
	t.Helper()
	api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
	for i := range services {
		svc, slice := numbered(i, 3, 0)
		api.setService(svc)
		api.setSlice(slice)
	}
	work(t, api, k, k)
	if held := len(k.Rows().RealServers); held != 3*services {
		t.Fatalf("%d real servers at the start, want %d", held, 3*services)
	}
	k.Calls()
	return api, k
}

// work has a daemon work with this kernel, which is k or stands before it.
func work(t *testing.T, api *fakeCluster, k *kerneltest.Kernel, as proxier.Kernel) *proxier.Proxier {
	t.Helper()
	return workAs(t, testConfig, api, k, as)
}

// workAs does so with a configuration of its own.
func workAs(t *testing.T, cfg proxier.Config, api *fakeCluster, k *kerneltest.Kernel, as proxier.Kernel) *proxier.Proxier {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := proxier.New(cfg, proxier.Parts{
		API: api, Changes: api.changes, Kernel: as, Health: health.New(testConfig.SyncPeriod), HealthPorts: k.HealthPorts(), Events: api,
	})
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

// tardy is a kernel that takes long to prepare.
type tardy struct {
	*kerneltest.Kernel
	takes time.Duration
}

func (s tardy) Prepare(ctx context.Context) (state.Mended, error) {
	time.Sleep(s.takes)
	return s.Kernel.Prepare(ctx)
}

// On a node that is so slow that reading back takes longer than the sync
// period, everything is read back nevertheless.
func TestReadingThatTakesLongerThanThePeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		svc, slice := numbered(0, 3, 0)
		api.setService(svc)
		api.setSlice(slice)
		work(t, api, k, tardy{k, testConfig.SyncPeriod + time.Second})
		time.Sleep(2 * testConfig.SyncPeriod)
		want := k.Rows().String()
		for name, drift := range map[string]func(r *state.Rows){
			"real servers": func(r *state.Rows) { clear(r.RealServers) },
			"addresses":    func(r *state.Rows) { clear(r.Addresses) },
		} {
			k.Drift(drift)
			time.Sleep(4 * testConfig.SyncPeriod)
			if got := k.Rows().String(); got != want {
				t.Errorf("%s are not back:\n%swant:\n%s", name, got, want)
			}
		}
	})
}

// A flush of IPVS is noticed within five seconds, though a round takes thirty,
// and all of it is put back then.
func TestAFlushIsRepairedWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 300)
		want := k.Rows().String()
		time.Sleep(7 * time.Second)
		k.Drift(func(r *state.Rows) { clear(r.VirtualServers); clear(r.RealServers) })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := k.Rows().String(); got != want {
			t.Errorf("%d real servers are back, want %d and the rest as before", len(k.Rows().RealServers), 900)
		}
	})
}

// Each single row is verified within the sync period.
func TestOneChangedRowIsRepairedWithinTheSyncPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 300)
		want := k.Rows()
		for i := range 20 {
			k.Drift(func(r *state.Rows) {
				for rs := range r.RealServers {
					if i%2 == 0 {
						r.RealServers[rs] = 7
					} else {
						delete(r.RealServers, rs)
					}
					break
				}
			})
			time.Sleep(testConfig.SyncPeriod)
			synctest.Wait()
			if got := k.Rows().String(); got != want.String() {
				t.Fatalf("after change %d the kernel is not as before", i)
			}
		}
	})
}
