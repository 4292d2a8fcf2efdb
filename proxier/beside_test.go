package proxier_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// hanging is a machine on which programs hang when asked to, until they are
// killed a minute later.
type hanging struct {
	*kerneltest.Kernel
	hangs, atOnce *atomic.Bool // atOnce: two were at work at a time
	working       *atomic.Int32
}

var errKilled = errors.New("run iptables-save: it did not end within 1m0s and was killed")

func (h hanging) program(ctx context.Context) error {
	if h.working.Add(1) > 1 {
		h.atOnce.Store(true)
	}
	defer h.working.Add(-1)
	if !h.hangs.Load() {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errKilled
	}
}

func (h hanging) Prepare(ctx context.Context) (state.Mended, error) {
	if err := h.program(ctx); err != nil {
		return nil, err
	}
	return h.Kernel.Prepare(ctx)
}

func (h hanging) Scan(ctx context.Context, scope leftovers.Scope) leftovers.Found {
	if err := h.program(ctx); err != nil {
		return leftovers.Found{Scope: scope, Unread: []leftovers.Blocked{{Object: "rules", Holder: err.Error()}}}
	}
	return h.Kernel.Scan(ctx, scope)
}

// While a program hangs, whatever it is started for, changes of Services reach
// the kernel at once and the device is put back; that it was killed is told, and
// what it was to do is done later.
func TestNobodyWaitsForAProgramThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, cfg := newFakeCluster(), testConfig
		k := hanging{kerneltest.New(netip.MustParseAddr("192.0.2.1")), new(atomic.Bool), new(atomic.Bool), new(atomic.Int32)}
		k.SetForeign(nil, kubeProxySets...)
		cfg.Takeover = true
		h := health.New(2*cfg.SyncPeriod, "IPv4")
		ctx, cancel := context.WithCancel(t.Context())
		p := proxier.New(cfg, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: h, HealthPorts: k.HealthPorts(), Events: api,
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		synctest.Wait()
		if left := k.ForeignSets(); len(left) > 0 {
			t.Fatalf("left %v at the start", left)
		}
		k.SetForeign(nil, kubeProxySets...) // kube-proxy is back
		k.hangs.Store(true)
		for i := range 150 { // seconds: two sync periods and more
			svc, slice := numbered(1, 1, i)
			api.setSlice(slice)
			api.setService(svc)
			synctest.Wait()
			now := state.RealServer{VirtualServer: server("10.96.0.1:80"), Addr: netip.MustParseAddrPort(slice.Endpoints[0].Addresses[0] + ":8080")}
			if got := k.Rows().RealServers; !has(got, now) {
				t.Fatalf("after %d s a change waits for a program; there is %v", i, got)
			}
			if i == 70 {
				k.Damage("device")
				k.Tell(func(t *state.Changed) { t.Device = true })
			}
			time.Sleep(time.Second)
			if i == 71 && len(k.Rows().Addresses) != 1 {
				t.Errorf("the device has not been put back:\n%s", k.Rows())
			}
		}
		if r := h.Report(time.Now()); !r.Healthy {
			t.Errorf("traffic is as wanted, and %+v", r)
		}
		if n, action := labelled(t, p, "kubeipvs_failures_total", "operation"); n < 1 || action != "prepare the kernel" {
			t.Errorf("the metrics count %g failures to %q", n, action)
		}
		if left := k.ForeignSets(); len(left) != len(kubeProxySets) {
			t.Errorf("left %v though it could not be read", left)
		}
		k.hangs.Store(false)
		k.Damage("rule")
		pause(10 * time.Minute)
		if left := k.ForeignSets(); len(left) > 0 {
			t.Errorf("left %v in the end", left)
		}
		if mended, err := k.Kernel.Prepare(ctx); err != nil || len(mended) > 0 {
			t.Errorf("rules were left as they were: %v, %v", mended, err)
		}
		if k.atOnce.Load() {
			t.Error("two programs were at work at a time")
		}
		k.hangs.Store(true)
		pause(cfg.SyncPeriod)
		cancel()
		synctest.Wait()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The start waits for its programs: nothing is applied before rules and sets
// stand, and it is tried until they do.
func TestTheStartWaitsForItsPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := newFakeCluster()
		k := hanging{kerneltest.New(), new(atomic.Bool), new(atomic.Bool), new(atomic.Int32)}
		svc, slice := numbered(1, 1, 0)
		api.setService(svc)
		api.setSlice(slice)
		k.hangs.Store(true)
		work(t, api, k.Kernel, k)
		pause(5 * time.Minute)
		if rows := k.Rows().String(); rows != "" {
			t.Errorf("before there are rules there is\n%s", rows)
		}
		if calls := k.Calls(); strings.Contains(calls, "create") {
			t.Errorf("before there are rules:\n%s", calls)
		}
		k.hangs.Store(false)
		pause(2 * time.Minute)
		if rows := k.Rows(); len(rows.RealServers) != 1 {
			t.Errorf("in the end there is\n%s", rows)
		}
	})
}
