package proxier_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kube-ipvs/kube-ipvs/e2e/apistub"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// whole is the daemon with its informers, an API over HTTP and a kernel in
// memory, on the real clock.
type whole struct {
	t      *testing.T
	stub   *apistub.Stub
	kernel *kerneltest.Kernel
	health *health.Health
	moved  chan struct{} // the kernel has been called
	server *httptest.Server
	stop   func()

	// Steady are real servers that must not be touched at any moment.
	steady atomic.Pointer[map[state.RealServer]state.Weight]
}

const patience = 30 * time.Second

func newWhole(t *testing.T) *whole {
	w := &whole{t: t, stub: apistub.New(), kernel: kerneltest.New(netip.MustParseAddr("192.0.2.1")), moved: make(chan struct{}, 1)}
	w.server = httptest.NewServer(w.stub)
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
	})
	w.set(&v1.Node{TypeMeta: metav1.TypeMeta{Kind: "Node", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "node-a"}})
	w.set(served("web", "10.96.0.1"), sliceOf("web", "a", "10.244.1.1", "10.244.1.2"), sliceOf("web", "b", "10.244.2.1"))
	w.set(served("shop", "10.96.0.2"), sliceOf("shop", "a", "10.244.1.3"))
	return w
}

func served(name, ip string) *v1.Service {
	return &v1.Service{
		TypeMeta:   metav1.TypeMeta{Kind: "Service", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: name},
		Spec:       v1.ServiceSpec{ClusterIP: ip, ClusterIPs: []string{ip}, Ports: []v1.ServicePort{{Name: "http", Port: 80, Protocol: v1.ProtocolTCP}}},
	}
}

func sliceOf(service, name string, addresses ...string) *discovery.EndpointSlice {
	port, portName, protocol := int32(8080), "http", v1.ProtocolTCP
	s := &discovery.EndpointSlice{
		TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "demo", Name: service + "-" + name, Labels: map[string]string{discovery.LabelServiceName: service},
		},
		AddressType: discovery.AddressTypeIPv4,
		Ports:       []discovery.EndpointPort{{Name: &portName, Port: &port, Protocol: &protocol}},
	}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{Addresses: []string{a}})
	}
	return s
}

func (w *whole) set(objects ...runtime.Object) {
	w.t.Helper()
	for _, o := range objects {
		if err := w.stub.Set(o); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *whole) remove(objects ...runtime.Object) {
	w.t.Helper()
	for _, o := range objects {
		if err := w.stub.Delete(o); err != nil {
			w.t.Fatal(err)
		}
	}
}

// looked is called after each kernel call.
func (w *whole) looked(held state.Rows) {
	if steady := w.steady.Load(); steady != nil {
		for rs, weight := range *steady {
			if now, there := held.RealServers[rs]; !there || now != weight {
				w.t.Errorf("%s was disturbed: there %t, weight %d", rs, there, now)
			}
		}
	}
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// start runs a daemon until w.stop.
func (w *whole) start() {
	w.t.Helper()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: w.server.URL})
	if err != nil {
		w.t.Fatal(err)
	}
	changes := watch.NewChanges()
	api, err := watch.New(client, "node-a", changes)
	if err != nil {
		w.t.Fatal(err)
	}
	w.health = health.New(2*testConfig.SyncPeriod, "IPv4")
	k := slow{Kernel: w.kernel, look: w.looked}
	p := proxier.New(testConfig, proxier.Parts{
		API: api, Changes: changes, Kernel: k, Health: w.health, HealthPorts: k.HealthPorts(), Events: newFakeCluster(),
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	followed, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(followed); api.Run(ctx) }()
	go func() { defer close(done); _ = p.Run(ctx) }() // it errs when it ends before it has begun
	w.stop = func() {
		cancel()
		<-done
		<-followed
	}
}

// serves waits until the kernel leads to exactly these: "10.96.0.1 10.244.1.1".
func (w *whole) serves(want ...string) {
	w.t.Helper()
	end := time.After(patience)
	for {
		var got []string
		for rs, weight := range w.kernel.Rows().RealServers {
			if weight > 0 {
				got = append(got, fmt.Sprint(rs.VirtualServer.Addr.Addr(), " ", rs.Addr.Addr()))
			}
		}
		if same(got, want) {
			return
		}
		select {
		case <-w.moved:
		case <-end:
			w.t.Fatalf("serves %q, want %q", got, want)
		}
	}
}

func same(a, b []string) bool {
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for _, s := range b {
		count[s]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

// atFirst is what newWhole's objects lead to.
var atFirst = []string{"10.96.0.1 10.244.1.1", "10.96.0.1 10.244.1.2", "10.96.0.1 10.244.2.1", "10.96.0.2 10.244.1.3"}

// keep makes sure from now on that nothing of what is held is touched.
func (w *whole) keep() {
	held := w.kernel.Rows().RealServers
	w.steady.Store(&held)
}
