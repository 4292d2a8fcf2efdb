package proxier_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// numbered are a Service and its slice; address tells the endpoints apart.
func numbered(i, endpoints, address int) (*v1.Service, *discovery.EndpointSlice) {
	name, port, protocol := "http", int32(8080), v1.ProtocolTCP
	meta := metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("cart-", i)}
	svc := &v1.Service{ObjectMeta: meta, Spec: v1.ServiceSpec{
		ClusterIP: fmt.Sprintf("10.96.%d.%d", i>>8, i&255),
		Ports:     []v1.ServicePort{{Name: name, Port: 80, Protocol: protocol}},
	}}
	meta.Labels = map[string]string{discovery.LabelServiceName: meta.Name}
	slice := &discovery.EndpointSlice{
		ObjectMeta: meta, AddressType: discovery.AddressTypeIPv4,
		Ports: []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
	}
	for e := range endpoints {
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses: []string{fmt.Sprintf("10.%d.%d.%d", 128+e, i>>8, (i+address)&255)},
		})
	}
	return svc, slice
}

// TestCostFollowsTheChange counts every kernel call of a change of one
// endpoint while there are many other Services: those of the rows that differ,
// and none besides. No listing, no rule, no look at the rest.
func TestCostFollowsTheChange(t *testing.T) {
	for _, services := range []int{1, 1_000, 10_000} {
		t.Run(fmt.Sprint(services, " Services"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { cost(t, services) })
		})
	}
}

func cost(t *testing.T, services int) {
	api, k := running(t, services)
	_, slice := numbered(services/2, 3, 0)
	slice.Endpoints[1].Addresses[0] = "10.200.0.1"
	api.setSlice(slice)
	synctest.Wait()
	if got, want := k.Calls(), "create real server 1\nupdate real server 1\n"; got != want {
		t.Errorf("one endpoint moved: calls\n%swant\n%s", got, want)
	}
	time.Sleep(time.Second) // for its connections
	synctest.Wait()
	// In the same second a portion of the Services is read back.
	got, _, _ := strings.Cut(k.Calls(), "look for")
	if want := "count connections 1\ndelete real server 1\n"; got != want {
		t.Errorf("the old one had no connections: calls\n%swant\n%s", got, want)
	}

	// A virtual server takes its real servers along.
	api.remove(fmt.Sprint("shop/cart-", services/2))
	synctest.Wait()
	want := "delete address 1\ndelete member 3\ndelete virtual server 1\nforget flows 1\n"
	if got := k.Calls(); got != want {
		t.Errorf("one Service deleted: calls\n%swant\n%s", got, want)
	}
}
