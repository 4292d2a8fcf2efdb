package proxier_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// At the start of a large cluster DNS answers before all others, and half of
// the Services before the other half has anything.
func TestTheFirstAnswerDoesNotWaitForTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 400
		api := newFakeCluster()
		for i := range services {
			svc, slice := numbered(i, 1, 0)
			if i == services/2 {
				svc.ObjectMeta = metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns"}
				slice.ObjectMeta = metav1.ObjectMeta{
					Namespace: "kube-system", Name: "kube-dns",
					Labels: map[string]string{discovery.LabelServiceName: "kube-dns"},
				}
			}
			api.setService(svc)
			api.setSlice(slice)
		}
		dns := netip.AddrFrom4([4]byte{10, 96, services / 2 >> 8, services / 2 & 255})
		bound, worst := 0, 0
		look := func(rows state.Rows) {
			if bound == 0 && len(rows.Addresses) > 0 {
				bound = len(rows.VirtualServers)
				if !has(rows.Addresses, dns) {
					t.Error("another address than that of DNS is bound first")
				}
			}
			worst = max(worst, len(rows.VirtualServers)-len(rows.Addresses))
		}
		ctx, cancel := context.WithCancel(t.Context())
		k := slow{Kernel: kerneltest.New(), look: look}
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(testConfig.SyncPeriod), HealthPorts: k.HealthPorts(), Events: api,
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		if rows := k.Rows(); bound != 1 || worst > 250 || len(rows.Addresses) != services {
			t.Errorf("when the first address was bound there were %d virtual servers, want 1; as many as %d waited for theirs, want 250 at most; %d are bound",
				bound, worst, len(rows.Addresses))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// late is a cluster before whose answer something happens.
type late struct {
	*fakeCluster
	before func()
}

func (l late) WaitForSync(ctx context.Context) error {
	l.before()
	return l.fakeCluster.WaitForSync(ctx)
}

// daemonOn is a daemon until stop is called.
func daemonOn(t *testing.T, cfg proxier.Config, api late, k *kerneltest.Kernel) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := proxier.New(cfg, proxier.Parts{
		API: api, Changes: api.changes, Kernel: k, Health: health.New(cfg.SyncPeriod), HealthPorts: k.HealthPorts(), Events: api,
	})
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// What the kernel held before the API server was asked may be gone when it
// answers, and then that is known before the first claim.
func TestWhatWasReadLongAgoIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		daemonOn(t, testConfig, late{api, func() {}}, k)()
		want := k.Rows().String()
		defer daemonOn(t, testConfig, late{api, func() { time.Sleep(time.Hour) }}, k)()
		k.Drift(func(r *state.Rows) { drift(r, "flush") })
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := k.Rows().String(); got != want {
			t.Errorf("when the API answers the kernel holds\n%s\nwant\n%s", got, want)
		}
	})
}

// Nothing of kube-proxy's goes before the kernel's own word that ours stands;
// where kube-proxy has left nothing, it is not asked.
func TestTakeoverAsksTheKernel(t *testing.T) {
	for name, left := range map[string][]string{"something is left": kubeProxySets, "nothing is left": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, k, cfg := newFakeCluster(), kerneltest.New(), testConfig
				svc, slice := numbered(1, 1, 0)
				api.setService(svc)
				api.setSlice(slice)
				cfg.Takeover = true
				k.SetForeign(nil, left...)
				defer daemonOn(t, cfg, late{api, func() { k.Calls(); k.Fail("list virtual server", 100) }}, k)()
				if now := k.ForeignSets(); !slices.Equal(now, left) {
					t.Errorf("left %v although the kernel could not be read; want %v", now, left)
				}
				if asked := strings.Contains(k.Calls(), "list virtual server"); asked != (left != nil) {
					t.Errorf("the kernel was asked: %t", asked)
				}
				k.Fail("list virtual server", 0)
				pause(time.Minute)
				if now := k.ForeignSets(); len(now) > 0 {
					t.Errorf("left %v in the end", now)
				}
			})
		})
	}
}

// What may be there and could not be looked at is no reason to think that
// nothing is.
func TestTakeoverDoesNotTrustALookThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k, cfg := newFakeCluster(), kerneltest.New(), testConfig
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		cfg.Takeover = true
		defer daemonOn(t, cfg, late{api, func() { k.Calls(); k.Fail("look", 10) }}, k)()
		if calls := k.Calls(); !strings.Contains(calls, "list virtual server") {
			t.Errorf("the kernel was not read:\n%s", calls)
		}
	})
}

// A server that drains and that another program removes is not made again: no Service
// is there any more for whom it was kept.
func TestWhatDrainedAndIsGoneStaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k, cfg := newFakeCluster(), kerneltest.New(), testConfig
		move := func(service, to int) {
			svc, slice := numbered(service, 1, to)
			api.setService(svc)
			api.setSlice(slice)
			synctest.Wait()
		}
		move(1, 0)
		move(2, 0)
		cfg.Takeover = true
		k.SetForeign(nil, kubeProxySets...)
		k.Fail(string(leftovers.DestroySets), 1000) // so that all of the kernel is read back once a sync period
		defer daemonOn(t, cfg, late{api, func() {}}, k)()
		for rs := range k.Rows().RealServers {
			k.Connect(rs.Addr, 2)
		}
		move(1, 1)
		var gone state.RealServer
		k.Drift(func(r *state.Rows) {
			for rs, weight := range r.RealServers {
				if weight == 0 {
					gone = rs
				}
			}
			delete(r.RealServers, gone)
		})
		if !gone.Addr.IsValid() {
			t.Fatal("no server drains")
		}
		pause(cfg.SyncPeriod)
		move(2, 1) // finds it gone
		move(2, 2)
		if weight, again := k.Rows().RealServers[gone]; again {
			t.Errorf("%s is there again, weight %d", gone, weight)
		}
	})
}
