package proxier_test

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
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

// late is a cluster that answers when its time has come.
type late struct {
	*fakeCluster
	after time.Duration
}

func (l late) WaitForSync(ctx context.Context) error {
	time.Sleep(l.after)
	return l.fakeCluster.WaitForSync(ctx)
}

// What the kernel held before the API server was asked may be gone when it
// answers, and then that is known before the first claim.
func TestWhatWasReadLongAgoIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		run := func(cluster proxier.Cluster) (stop func()) {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			p := proxier.New(testConfig, proxier.Parts{
				API: cluster, Changes: api.changes, Kernel: k, Health: health.New(testConfig.SyncPeriod), HealthPorts: k.HealthPorts(), Events: api,
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
		run(api)()
		want := k.Rows().String()
		stop := run(late{api, time.Hour})
		defer stop()
		k.Drift(func(r *state.Rows) { drift(r, "flush") })
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := k.Rows().String(); got != want {
			t.Errorf("when the API answers the kernel holds\n%s\nwant\n%s", got, want)
		}
	})
}
