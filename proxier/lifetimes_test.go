package proxier_test

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
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

// lives are what a Service may ask for, of which some goes without the rest.
var lives = []func(i int, svc *v1.Service, slice *discovery.EndpointSlice){
	func(int, *v1.Service, *discovery.EndpointSlice) {},
	func(_ int, svc *v1.Service, slice *discovery.EndpointSlice) {
		svc.Spec.Ports[0].Protocol, *slice.Ports[0].Protocol = v1.ProtocolUDP, v1.ProtocolUDP
	},
	func(_ int, svc *v1.Service, slice *discovery.EndpointSlice) {
		svc.Spec.Ports[0].Protocol, *slice.Ports[0].Protocol = v1.ProtocolSCTP, v1.ProtocolSCTP
	},
	func(i int, svc *v1.Service, _ *discovery.EndpointSlice) {
		svc.Spec.Type, svc.Spec.ExternalTrafficPolicy = v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyLocal
		svc.Spec.Ports[0].NodePort, svc.Spec.HealthCheckNodePort = int32(20_000+i), int32(40_000+i)
		svc.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: fmt.Sprintf("203.0.%d.%d", i>>8, i&255)}}
		svc.Spec.LoadBalancerSourceRanges = []string{fmt.Sprintf("198.51.%d.0/24", i&255), "not a range"}
	},
	func(_ int, svc *v1.Service, slice *discovery.EndpointSlice) {
		svc.Spec.InternalTrafficPolicy = new(v1.ServiceInternalTrafficPolicyLocal)
		slice.Endpoints[0].NodeName = new("node-b")
	},
	func(i int, svc *v1.Service, _ *discovery.EndpointSlice) { // a conflict with all others of this sort
		svc.Spec.ExternalIPs = []string{"198.51.100.1", fmt.Sprintf("198.18.%d.%d", i>>8, i&255), "192.0.2.1", "127.0.0.1"}
	},
	func(_ int, svc *v1.Service, _ *discovery.EndpointSlice) {
		svc.Spec.SessionAffinity = v1.ServiceAffinityClientIP
		svc.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: new(int32(90))}}
	},
}

// life is the i-th Service of a generation, and its slice.
func life(generation string, i int) (*v1.Service, *discovery.EndpointSlice) {
	svc, slice := numbered(i, 3, 0)
	name := fmt.Sprint(generation, "-", i)
	svc.Name, slice.Name, slice.Labels = name, name, map[string]string{discovery.LabelServiceName: name}
	svc.Spec.ClusterIPs = []string{svc.Spec.ClusterIP}
	schedulers := []string{"mh", "twos", "ftp", fmt.Sprint("x", i)}
	svc.Annotations = map[string]string{
		"kube-ipvs.io/scheduler": schedulers[i/len(lives)%len(schedulers)], "kube-ipvs.io/scheduler-flags": "mh-port", "kube-ipvs.io/drain-timeout": "10s",
	}
	slice.Annotations = map[string]string{"kube-ipvs.io/weight": "7"}
	lives[i%len(lives)](i, svc, slice)
	return svc, slice
}

// forget takes a Service and its slices out.
func (c *fakeCluster) forget(n types.NamespacedName) {
	c.remove(n.String())
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.slices, n)
}

// A cluster's Services come and go for years. What one of them has made of maps,
// labels of metrics and goroutines ends with it. They come in waves: a map keeps
// the room for the most that were there at a time.
func TestNothingOutlivesItsService(t *testing.T) {
	const services, wave = 2000, 100
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		k.SetSchedulers("rr", "mh")
		cfg := testConfig
		cfg.ServiceMetrics = services
		p := workAs(t, cfg, api, k, k)
		waves := func() (alive, after int) {
			for range services / wave {
				alive = max(alive, waveOf(t, p, api, k, wave))
			}
			time.Sleep(time.Hour) // what is asked less and less often is forgotten
			api.told()
			k.Calls()
			return alive, series(t, p)
		}
		_, before := waves()
		heap, goroutines := heapInUse(), runtime.NumGoroutine()
		alive, after := waves()
		more := int64(heapInUse()) - int64(heap)
		t.Logf("%d Services: %d series while %d of them live, %d before and %d after; %d bytes of heap more; %d goroutines before and %d after",
			services, alive, wave, before, after, more, goroutines, runtime.NumGoroutine())
		if rows := k.Rows().String(); rows != "" {
			t.Errorf("the kernel still holds\n%s", rows)
		}
		if alive < wave || after > before+10 { // some ends come only now and then
			t.Errorf("%d series while %d Services live, %d before and %d after", alive, wave, before, after)
		}
		if n := runtime.NumGoroutine(); n != goroutines {
			t.Errorf("%d goroutines, before %d", n, goroutines)
		}
		if more > 25*services {
			t.Errorf("%d Services have come and gone, and %d bytes are kept", services, more)
		}
		runtime.KeepAlive(p)
	})
}

// waveOf has so many Services come, be used, drain and go, and tells how many
// series of metrics there were.
func waveOf(t *testing.T, p *proxier.Proxier, api *fakeCluster, k *kerneltest.Kernel, services int) (alive int) {
	t.Helper()
	wave := fmt.Sprint("at-", time.Now().Unix())
	k.Fail("create real server", 20) // some rows are late
	for i := range services {
		svc, slice := life(wave, i)
		api.setService(svc)
		api.setSlice(slice)
	}
	synctest.Wait()
	alive = series(t, p)
	for rs := range k.Rows().RealServers {
		k.Connect(rs.Addr, 3)
	}
	time.Sleep(10 * time.Second)
	for i := 0; i < services; i += 3 {
		_, slice := life(wave, i)
		slice.Endpoints = slice.Endpoints[:2] // one has vanished, one terminates
		slice.Endpoints[0].Conditions = discovery.EndpointConditions{Ready: new(false), Serving: new(true), Terminating: new(true)}
		api.setSlice(slice)
	}
	time.Sleep(3 * time.Second)
	for i := range services {
		svc, _ := life(wave, i)
		api.forget(nameOf(svc.ObjectMeta))
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	return alive
}

// series counts those of all metrics.
func series(t *testing.T, p *proxier.Proxier) (n int) {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		n += len(f.GetMetric())
	}
	return n
}

// heapInUse is the memory that is still referred to, in bytes.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what was pooled
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// deaf is a kernel in which setting sysctls takes until it wakes.
type deaf struct {
	*kerneltest.Kernel
	wakes chan struct{}
}

func (d *deaf) Sysctls(ctx context.Context) (int, error) {
	<-d.wakes
	return d.Kernel.Sysctls(ctx)
}

// Metrics are answered while the daemon waits for the API server, and soon when
// the loop hangs, though traffic is asked of the loop.
func TestMetricsDoNotWaitForTheLoop(t *testing.T) {
	answers := func(t *testing.T, p *proxier.Proxier, within time.Duration) {
		t.Helper()
		begin := time.Now()
		families, err := p.Metrics().Gather()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > within || len(families) < 10 {
			t.Errorf("%d metrics after %s", len(families), took)
		}
	}
	cfg := testConfig
	cfg.ServiceMetrics = 10
	t.Run("the API server is away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api, k := newFakeCluster(), kerneltest.New()
			api.away = true
			p := proxier.New(cfg, proxier.Parts{
				API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute), HealthPorts: k.HealthPorts(), Events: api,
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { _ = p.Run(ctx) }()
			synctest.Wait()
			answers(t, p, 0)
		})
	})
	t.Run("the loop hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			api, k := newFakeCluster(), kerneltest.New()
			as := &deaf{Kernel: k, wakes: make(chan struct{})}
			p := workAs(t, cfg, api, k, as)
			time.Sleep(testConfig.SyncPeriod + time.Second)
			answers(t, p, 4*time.Second)
			close(as.wakes)
		})
	})
}
