package watch

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// world is a Cluster that runs against a fake API inside a synctest bubble.
type world struct {
	*testing.T
	ctx     context.Context
	api     *fake.Clientset
	cluster *Cluster
	changes *Changes
}

// inWorld runs test when the cluster has synced and its marks have been taken.
func inWorld(t *testing.T, held []runtime.Object, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, ctx: t.Context(), api: fake.NewClientset(held...), changes: NewChanges()}
		w.start()
		w.changes.Take()
		test(w)
	})
}

func (w *world) start() {
	w.Helper()
	var err error
	if w.cluster, err = New(w.api, "n1", w.changes); err != nil {
		w.Fatal(err)
	}
	go w.cluster.Run(w.ctx)
	if err := w.cluster.WaitForSync(w.ctx); err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
}

func (w *world) expect(want Moved) {
	w.Helper()
	synctest.Wait()
	expectMoved(w.T, w.changes, want)
}

func must[T any](obj T, err error) T {
	if err != nil {
		panic(err)
	}
	return obj
}

func service(n types.NamespacedName) *v1.Service {
	return &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: n.Name},
		Spec:       v1.ServiceSpec{ClusterIP: "10.96.0.7", Ports: []v1.ServicePort{{Port: 80}}},
	}
}

func slice(name string, of types.NamespacedName, at time.Time, addresses ...string) *discovery.EndpointSlice {
	s := &discovery.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: of.Namespace, Name: name,
			Labels:      map[string]string{discovery.LabelServiceName: of.Name},
			Annotations: map[string]string{v1.EndpointsLastChangeTriggerTime: at.Format(time.RFC3339Nano)},
		},
		AddressType: discovery.AddressTypeIPv4,
	}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{Addresses: []string{a}})
	}
	return s
}

func node(zone string) *v1.Node {
	return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", Labels: map[string]string{v1.LabelTopologyZone: zone}}}
}

func TestEverythingHeldAtTheStartIsMarkedAndAtHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, ctx: t.Context(), changes: NewChanges()}
		w.api = fake.NewClientset(service(cart), service(till), node("a"),
			slice("cart-2", cart, evening, "10.1.0.2"), slice("cart-1", cart, noon, "10.1.0.1"),
			slice("elsewhere", types.NamespacedName{Namespace: "bank", Name: "cart"}, noon, "10.1.0.9"))
		w.start()

		moved := w.changes.Take()
		slices.SortFunc(moved.Services[cart], time.Time.Compare)
		if got := moved.Services[cart]; !slices.Equal(got, []time.Time{noon, evening}) {
			t.Errorf("trigger times of %v: %v", cart, got)
		}
		if !moved.Node || len(moved.Services) != 3 {
			t.Errorf("moved: %+v", moved)
		}

		svc, found := w.cluster.Service(cart)
		if svc == nil || svc.Name != "cart" {
			t.Errorf("service: %v", svc)
		}
		if len(found) != 2 || found[0].Name != "cart-1" || found[1].Name != "cart-2" {
			t.Errorf("slices of %v: %v", cart, found)
		}
		if n := w.cluster.Node(); n == nil || n.Name != "n1" {
			t.Errorf("node: %v", n)
		}
	})
}

func TestWhatIsNotThereIsNil(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		if svc, found := w.cluster.Service(cart); svc != nil || len(found) != 0 {
			w.Errorf("service %v, slices %v", svc, found)
		}
		if n := w.cluster.Node(); n != nil {
			w.Errorf("node %v", n)
		}
	})
}

func TestWhoseClusterAddressItIs(t *testing.T) {
	dual := service(cart)
	dual.Spec.ClusterIP, dual.Spec.ClusterIPs = "10.96.0.1", []string{"10.96.0.1", "fd00::1"}
	inWorld(t, []runtime.Object{dual, service(till)}, func(w *world) {
		for text, want := range map[string]types.NamespacedName{"10.96.0.1": cart, "fd00:0::1": cart, "10.96.0.200": {}, "fd00::2": {}} {
			if got, ok := w.cluster.At(netip.MustParseAddr(text)); got != want || ok != (want != types.NamespacedName{}) {
				w.Errorf("%s is that of %v (%t), want %v", text, got, ok, want)
			}
		}
	})
}

func TestServiceEvents(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		services := w.api.CoreV1().Services("shop")
		svc := must(services.Create(w.ctx, service(cart), metav1.CreateOptions{}))
		w.expect(Moved{Services: times{cart: nil}})

		svc.Spec.Ports[0].Port = 81
		svc = must(services.Update(w.ctx, svc, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{cart: nil}})

		svc.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "192.0.2.1"}}
		svc = must(services.UpdateStatus(w.ctx, svc, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{cart: nil}})

		svc.Annotations = map[string]string{"kube-ipvs.io/scheduler": "lc"}
		svc = must(services.Update(w.ctx, svc, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{cart: nil}})

		svc.ResourceVersion = "77"
		svc.Annotations["example.com/seen"] = "yes"
		svc.Labels = map[string]string{"team": "b"}
		svc.Spec.Selector = map[string]string{"app": "cart"}
		must(services.Update(w.ctx, svc, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}})

		if err := services.Delete(w.ctx, "cart", metav1.DeleteOptions{}); err != nil {
			w.Fatal(err)
		}
		w.expect(Moved{Services: times{cart: nil}})
	})
}

func TestSliceEvents(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		all := w.api.DiscoveryV1().EndpointSlices("shop")
		must(all.Create(w.ctx, slice("s", cart, noon, "10.1.0.1"), metav1.CreateOptions{}))
		w.expect(Moved{Services: times{cart: {noon}}})

		must(all.Update(w.ctx, slice("s", cart, evening, "10.1.0.1", "10.1.0.2"), metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{cart: {evening}}})

		// What we do not use wakes no reader: no pass is made (B61).
		<-w.changes.Wake()
		again := slice("s", cart, evening.Add(time.Hour), "10.1.0.1", "10.1.0.2")
		again.Labels["pod-template"] = "x"
		again.Annotations["example.com/seen"] = "yes"
		again.ResourceVersion = "77"
		again.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "controller"}}
		again.Endpoints[0].TargetRef = &v1.ObjectReference{Name: "cart-0"}
		again.Endpoints[0].Zone = &again.Name
		must(all.Update(w.ctx, again, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}})
		if len(w.changes.Wake()) != 0 {
			w.Error("a reader was woken for nothing")
		}

		if err := all.Delete(w.ctx, "s", metav1.DeleteOptions{}); err != nil {
			w.Fatal(err)
		}
		w.expect(Moved{Services: times{cart: nil}})
	})
}

func TestASliceThatChangesHandsMarksBothServices(t *testing.T) {
	inWorld(t, []runtime.Object{slice("s", cart, noon, "10.1.0.1")}, func(w *world) {
		all := w.api.DiscoveryV1().EndpointSlices("shop")
		must(all.Update(w.ctx, slice("s", till, evening, "10.1.0.1"), metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{cart: nil, till: {evening}}})
		if _, found := w.cluster.Service(cart); len(found) != 0 {
			w.Errorf("%v still has %v", cart, found)
		}
		if _, found := w.cluster.Service(till); len(found) != 1 {
			w.Errorf("%v has %v", till, found)
		}

		nobodys := slice("s", till, evening, "10.1.0.1")
		nobodys.Labels = nil
		must(all.Update(w.ctx, nobodys, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{till: nil}})
	})
}

// A watch that breaks is followed by a list, which reports every object anew
// and knows what has gone only by its absence.
func TestABrokenWatchMarksOnlyWhatDiffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, ctx: t.Context(), changes: NewChanges()}
		w.api = fake.NewClientset(service(cart), service(till), node("a"),
			slice("c", cart, noon, "10.1.0.1"), slice("t", till, noon, "10.1.0.2"))
		deaf := map[string]*apiwatch.RaceFreeFakeWatcher{}
		w.api.PrependWatchReactor("*", func(a clienttesting.Action) (bool, apiwatch.Interface, error) {
			resource := a.GetResource().Resource
			if deaf[resource] != nil {
				return false, nil, nil
			}
			deaf[resource] = apiwatch.NewRaceFreeFake()
			return true, deaf[resource], nil
		})
		w.start()
		w.changes.Take()

		tracker := w.api.Tracker()
		for _, err := range []error{
			tracker.Delete(v1.SchemeGroupVersion.WithResource("services"), "shop", "till"),
			tracker.Delete(discovery.SchemeGroupVersion.WithResource("endpointslices"), "shop", "t"),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		w.expect(Moved{Services: times{}})
		for _, watcher := range deaf {
			watcher.Stop()
		}
		time.Sleep(time.Minute) // the bubble's: for the reflectors' back-off
		w.expect(Moved{Services: times{till: nil}})
	})
}

func TestSlicesComeInTheOrderOfTheirNames(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var held []runtime.Object
	for _, name := range names {
		held = append(held, slice(name, cart, noon))
	}
	inWorld(t, held, func(w *world) {
		_, found := w.cluster.Service(cart)
		var got []string
		for _, s := range found {
			got = append(got, s.Name)
		}
		if !slices.Equal(got, names) {
			w.Errorf("order: %v", got)
		}
	})
}
