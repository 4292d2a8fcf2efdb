package proxier_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// slowCluster is one whose answer takes its time.
type slowCluster struct {
	*fakeCluster
	whole chan struct{}
	asked atomic.Int32 // for any Service
}

func (c *slowCluster) WaitForSync(ctx context.Context) error {
	select {
	case <-c.whole:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *slowCluster) Service(n types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice) {
	c.asked.Add(1)
	return c.fakeCluster.Service(n)
}

// What comes before the rest of the answer is planned and not applied: what the
// kernel holds of the rest stays. Nothing is planned twice.
func TestPlanningAheadAppliesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := &slowCluster{fakeCluster: newFakeCluster(), whole: make(chan struct{})}, kerneltest.New()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
		})
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		first, itsSlice := numbered(1, 2, 0)
		api.setService(first)
		api.setSlice(itsSlice)
		second, laterSlice := numbered(2, 3, 0)
		api.setService(second)
		synctest.Wait()
		if rows := k.Rows(); len(rows.VirtualServers)+len(rows.RealServers)+len(rows.Addresses) > 0 {
			t.Errorf("before all is known the kernel has\n%s", rows)
		}
		api.asked.Store(0)
		api.setSlice(laterSlice)
		synctest.Wait()
		if n := api.asked.Load(); n != 2 {
			t.Errorf("the endpoints of the second Service have come: asked %d times for Services, want 2: once to see, once to plan", n)
		}
		close(api.whole)
		synctest.Wait()
		if n := api.asked.Load(); n != 2 {
			t.Errorf("%d Services were planned again", n-2)
		}
		if rows := k.Rows(); len(rows.VirtualServers) != 2 || len(rows.RealServers) != 5 {
			t.Errorf("once all is known the kernel has\n%s", rows)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
