package apistub

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	coreinformers "k8s.io/client-go/informers/core/v1"
	discoveryinformers "k8s.io/client-go/informers/discovery/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// proxy follows the API with the informers and selectors of a Service proxy.
type proxy struct {
	t      *testing.T
	ctx    context.Context
	synced []cache.InformerSynced
	seen   chan string
}

func shop(t *testing.T) *Stub {
	t.Helper()
	s := New()
	if err := s.Load("testdata/shop"); err != nil {
		t.Fatal(err)
	}
	return s
}

func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// clientOf serves the stub and makes a client that prefers protobuf, as
// Kubernetes' own programs do.
func clientOf(t *testing.T, s *Stub) kubernetes.Interface {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{
		ContentType:        runtime.ContentTypeProtobuf,
		AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func follow(t *testing.T, s *Stub) *proxy {
	t.Helper()
	client := clientOf(t, s)
	ctx, cancel := context.WithCancel(deadline(t))
	p := &proxy{t: t, ctx: ctx, seen: make(chan string, 1000)}
	tweak := func(labels, fields string) func(*metav1.ListOptions) {
		return func(o *metav1.ListOptions) { o.LabelSelector, o.FieldSelector = labels, fields }
	}
	ended := make(chan struct{}, 3)
	for _, i := range []cache.SharedIndexInformer{
		coreinformers.NewFilteredServiceInformer(client, "", 0, cache.Indexers{},
			tweak("!service.kubernetes.io/service-proxy-name", "spec.clusterIP!=None")),
		discoveryinformers.NewFilteredEndpointSliceInformer(client, "", 0, cache.Indexers{},
			tweak("!service.kubernetes.io/headless", "")),
		coreinformers.NewFilteredNodeInformer(client, 0, cache.Indexers{}, tweak("", "metadata.name=node")),
	} {
		reg, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { p.seen <- "add " + text(o) },
			UpdateFunc: func(old, o any) {
				// A new list repeats what has not changed.
				if old.(metav1.Object).GetResourceVersion() != o.(metav1.Object).GetResourceVersion() {
					p.seen <- "update " + text(o)
				}
			},
			DeleteFunc: func(o any) { p.seen <- "delete " + text(o) },
		})
		if err != nil {
			t.Fatal(err)
		}
		p.synced = append(p.synced, reg.HasSynced)
		go func() { i.RunWithContext(ctx); ended <- struct{}{} }()
	}
	t.Cleanup(func() {
		cancel()
		for range 3 {
			<-ended
		}
	})
	return p
}

// text is an object's name and what varies in these tests.
func text(o any) string {
	switch o := o.(type) {
	case *corev1.Service:
		return "Service " + o.Name + " " + o.Spec.ClusterIP
	case *discoveryv1.EndpointSlice:
		return fmt.Sprintf("EndpointSlice %s %d", o.Name, len(o.Endpoints))
	case *corev1.Node:
		return "Node " + o.Name + " " + o.Labels["zone"]
	case cache.DeletedFinalStateUnknown:
		return text(o.Obj)
	}
	return fmt.Sprintf("%T", o)
}

func (p *proxy) sync() {
	p.t.Helper()
	if !cache.WaitForCacheSync(p.ctx.Done(), p.synced...) {
		p.t.Fatal("informers did not sync")
	}
}

// expect reads as many notifications as are wanted, in any order.
func (p *proxy) expect(want ...string) {
	p.t.Helper()
	var got []string
	for range want {
		select {
		case s := <-p.seen:
			got = append(got, s)
		case <-p.ctx.Done():
			p.t.Fatalf("saw %q, want %q: %v", got, want, p.ctx.Err())
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		p.t.Fatal(d)
	}
}

// quiet sets a new object of each kind, and expects to see nothing before.
func (p *proxy) quiet(s *Stub) {
	p.t.Helper()
	last := node("node")
	last.Labels = map[string]string{"zone": "last"}
	set(p.t, s, service("last", "10.96.0.255"), slice("last", 0), last)
	p.expect("add Service last 10.96.0.255", "add EndpointSlice last 0", "update Node node last")
}

func service(name, ip string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip}}
}

func slice(name string, endpoints int) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: name},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   make([]discoveryv1.Endpoint, endpoints),
	}
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func set(t *testing.T, s *Stub, objs ...runtime.Object) {
	t.Helper()
	for _, o := range objs {
		if err := s.Set(o); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, s *Stub, objs ...runtime.Object) {
	t.Helper()
	for _, o := range objs {
		if err := s.Delete(o); err != nil {
			t.Fatal(err)
		}
	}
}

var shopSeen = []string{"add Service cart 10.96.0.10", "add EndpointSlice cart-v4 1", "add Node node "}

// bothWays runs a test with informers that list and watch, and with informers
// that get their list from the watch.
func bothWays(t *testing.T, test func(t *testing.T)) {
	for name, watchList := range map[string]bool{"list and watch": false, "watch-list": true} {
		t.Run(name, func(t *testing.T) {
			featurestesting.SetFeatureDuringTest(t, features.WatchListClient, watchList)
			test(t)
		})
	}
}
