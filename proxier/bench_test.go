package proxier

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// plain is a cluster of Services of the same size.
type plain struct {
	services  map[owner]*v1.Service
	slices    map[owner][]*discovery.EndpointSlice
	endpoints int
	more      func(*v1.Service) // of every Service; nil: nothing
}

func (c *plain) WaitForSync(context.Context) error { return nil }
func (c *plain) Node() *v1.Node                    { return nil }
func (c *plain) Nodes() []*v1.Node                 { return nil }
func (c *plain) Ranges() []string                  { return nil }
func (c *plain) Warn(*v1.Service, Warning)         {}
func (c *plain) WarnNode(*v1.Node, Warning)        {}
func (c *plain) Service(n types.NamespacedName) (*v1.Service, []*discovery.EndpointSlice) {
	return c.services[n], c.slices[n]
}

// put makes Service i, or moves its first endpoint.
func (c *plain) put(i, move int) owner {
	name, port, protocol := "http", int32(8080), v1.ProtocolTCP
	meta := metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("cart-", i)}
	n := owner{Namespace: meta.Namespace, Name: meta.Name}
	c.services[n] = &v1.Service{ObjectMeta: meta, Spec: v1.ServiceSpec{
		ClusterIP: fmt.Sprintf("10.96.%d.%d", i>>8, i&255),
		Ports:     []v1.ServicePort{{Name: name, Port: 80, Protocol: protocol}},
	}}
	if c.more != nil {
		c.more(c.services[n])
	}
	slice := &discovery.EndpointSlice{
		ObjectMeta: meta, AddressType: discovery.AddressTypeIPv4,
		Ports: []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	for e := range c.endpoints {
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses: []string{fmt.Sprintf("10.%d.%d.%d", 128+e, i>>8, (i+move)&255)},
		})
		move = 0
	}
	c.slices[n] = []*discovery.EndpointSlice{slice}
	return n
}

// full is a Proxier that serves so many Services.
func full(tb testing.TB, services, endpoints int) (*Proxier, *plain) {
	tb.Helper()
	return fullOn(tb, kerneltest.New(netip.MustParseAddr("192.0.2.1")), services, endpoints)
}

// fullOn is the same on this kernel.
func fullOn(tb testing.TB, k Kernel, services, endpoints int) (*Proxier, *plain) {
	tb.Helper()
	api := &plain{map[owner]*v1.Service{}, map[owner][]*discovery.EndpointSlice{}, endpoints, nil}
	changes, h := watch.NewChanges(), health.New(time.Minute)
	if _, err := k.Prepare(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	p := New(Config{NodeName: "node-a", Scheduler: "rr", SyncPeriod: 30 * time.Second}, Parts{
		API: api, Changes: changes, Kernel: k, Health: h, HealthPorts: health.NewPorts(h), Events: api,
	})
	for i := range services {
		changes.Mark(api.put(i, 0), time.Time{})
	}
	p.report(p.sync(tb.Context()))
	if due := p.tables.due(); due > 0 {
		tb.Fatalf("%d rows are due", due)
	}
	return p, api
}

func quiet() {
	flags := flag.NewFlagSet("", flag.PanicOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "false") // a flag that exists
}

// BenchmarkOneEndpoint is a pass for one endpoint that has moved: it costs the
// same whatever the size of the cluster.
func BenchmarkOneEndpoint(b *testing.B) {
	quiet()
	for _, services := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(services, "×10"), func(b *testing.B) {
			p, api := full(b, services, 10)
			b.ReportAllocs()
			for n := 1; b.Loop(); n++ {
				b.StopTimer()
				svc := api.put(services/2, n%250+1)
				b.StartTimer()
				p.with.Changes.Mark(svc, time.Time{})
				p.report(p.sync(context.Background()))
			}
		})
	}
}

// odd is a Proxier that serves so many Services of which each cannot have all that
// it asks for, and has endpoints elsewhere only.
func odd(tb testing.TB, services int) (*Proxier, *plain) {
	tb.Helper()
	p, api := full(tb, 0, 1)
	api.more = func(s *v1.Service) {
		s.Spec.ExternalIPs = []string{"not an address"}
		s.Spec.InternalTrafficPolicy = new(v1.ServiceInternalTrafficPolicyLocal)
	}
	for i := range services {
		p.with.Changes.Mark(api.put(i, 0), time.Time{})
	}
	p.report(p.sync(tb.Context()))
	remarks, noLocal := 0, 0
	for _, s := range p.services.all {
		remarks, noLocal = remarks+len(s.remarks), noLocal+len(s.noLocal)
	}
	if remarks != services || noLocal != services {
		tb.Fatalf("of %d Services %d have remarks, and %d endpoints elsewhere only", services, remarks, noLocal)
	}
	return p, api
}

// BenchmarkOneOddService is a pass for one of them.
func BenchmarkOneOddService(b *testing.B) {
	quiet()
	for _, services := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(services), func(b *testing.B) {
			p, api := odd(b, services)
			b.ReportAllocs()
			for n := 1; b.Loop(); n++ {
				b.StopTimer()
				svc := api.put(services/2, n%250+1)
				b.StartTimer()
				p.with.Changes.Mark(svc, time.Time{})
				p.report(p.sync(context.Background()))
			}
		})
	}
}

// A pass for one Service takes no longer because there is something to say of
// many others. The shortest of many is hardly disturbed by what else runs.
func TestTimeOfAPassFollowsTheChange(t *testing.T) {
	shortest := func(services int) time.Duration {
		p, api := odd(t, services)
		best := time.Hour
		for i := range 300 {
			p.with.Changes.Mark(api.put(services/2, i%250+1), time.Time{})
			begin := time.Now()
			p.report(p.sync(t.Context()))
			best = min(best, time.Since(begin))
		}
		return best
	}
	few, many := shortest(1_000), shortest(10_000)
	t.Logf("a pass takes %v among 1,000 Services, %v among 10,000", few, many)
	if many > 3*few {
		t.Errorf("a pass takes %v among 10,000 Services and %v among 1,000", many, few)
	}
}

// BenchmarkColdStart plans, claims and applies everything.
func BenchmarkColdStart(b *testing.B) {
	quiet()
	for b.Loop() {
		full(b, 1_000, 10)
	}
}
