//go:build e2e

package e2e

import (
	"net/netip"
	"strings"
	"testing"

	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestARangeWithTheAPIServer has the cluster get a Service range in which there is
// a server behind the router. As one of many it is refused, as an address that no
// Service has; as the API server it is not.
func TestARangeWithTheAPIServer(t *testing.T) {
	s := shared.space(t)
	at := netip.MustParseAddrPort("203.0.113.250:6443")
	server := lab.NewServer("server")
	t.Cleanup(func() { _ = server.Close() })
	outside := s.Outside
	for _, c := range []struct {
		on   *lab.Namespace
		args string
	}{
		{outside, "address add 203.0.113.250/32 dev eth0"},
		{outside, "route add " + s.Node.PodRange4.String() + " via " + s.Node.IPv4.String()},
		{s.Host, "route add 203.0.113.0/24 via 192.0.2.100"},
	} {
		if _, err := c.on.Run("ip", strings.Fields(c.args)...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := c.on.Run("ip", strings.Fields(strings.Replace(c.args, " add ", " delete ", 1))...); err != nil {
				t.Error(err)
			}
		})
	}
	if err := server.Listen(outside, lab.TCP, at); err != nil {
		t.Fatal(err)
	}
	all := []question{{s.client("node"), lab.TCP, at}, {s.client("p1"), lab.TCP, at}}
	become(t, all, by("server"))

	cidrs := api.NetworkingV1().ServiceCIDRs()
	if _, err := cidrs.Create(t.Context(), &networking.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: networking.ServiceCIDRSpec{CIDRs: []string{"203.0.113.0/24"}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := within(t, patience)
		if err := cidrs.Delete(ctx, "more", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	t.Run("B9 an address in the range that no Service has is refused", func(t *testing.T) { become(t, all, refusal) })

	slices := api.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault)
	name, port := "https", int32(at.Port())
	if _, err := slices.Create(t.Context(), &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "another-server", Labels: map[string]string{discovery.LabelServiceName: "kubernetes"}},
		AddressType: discovery.AddressTypeIPv4,
		Ports:       []discovery.EndpointPort{{Name: &name, Port: &port}},
		Endpoints:   []discovery.Endpoint{{Addresses: []string{at.Addr().String()}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	gone := func() error {
		err := slices.Delete(within(t, patience), "another-server", metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	t.Cleanup(func() {
		if err := gone(); err != nil {
			t.Error(err)
		}
	})
	t.Run("B9 the API server answers though the range contains it", func(t *testing.T) { become(t, all, by("server")) })
	t.Run("B9 an Event on the Node tells of the range", func(t *testing.T) {
		if err := lab.Until(within(t, patience), eventOnNode(t, "RangeLeftOut")); err != nil {
			t.Error(err)
		}
	})
	t.Run("B9 it is refused again when it is not the API server any more", func(t *testing.T) {
		if err := gone(); err != nil {
			t.Fatal(err)
		}
		become(t, all, refusal)
	})
}
