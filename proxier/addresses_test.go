package proxier_test

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// named is a Service of the namespace demo on port 80.
func named(name, clusterIP string, edit ...func(*v1.Service)) *v1.Service {
	s := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0))},
		Spec: v1.ServiceSpec{
			Type: v1.ServiceTypeClusterIP, ClusterIP: clusterIP, ClusterIPs: []string{clusterIP},
			Ports: []v1.ServicePort{{Protocol: v1.ProtocolTCP, Port: 80}},
		},
	}
	for _, e := range edit {
		e(s)
	}
	return s
}

func external(addrs ...string) func(*v1.Service) {
	return func(s *v1.Service) { s.Spec.ExternalIPs = addrs }
}

func bound(k *kerneltest.Kernel, addr string) bool {
	_, there := k.Rows().Addresses[netip.MustParseAddr(addr)]
	return there
}

// The broadcast address of a network that the node is in stays with the network,
// whenever the node joins it.
func TestBroadcastAddressesStayWithTheNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New()
		k.SetNodeNetworks(netip.MustParsePrefix("192.0.2.1/24"))
		begun(t, api, k)
		api.setService(named("tenant", "10.96.0.9", external("192.0.2.255", "198.51.100.255")))
		synctest.Wait()
		if bound(k, "192.0.2.255") || !bound(k, "198.51.100.255") {
			t.Errorf("bound: %v; want 198.51.100.255 and not 192.0.2.255", k.Rows().Addresses)
		}
		if told := api.told(); !strings.Contains(told, "192.0.2.255 is a broadcast address") {
			t.Errorf("told %q", told)
		}
		k.SetNodeNetworks(netip.MustParsePrefix("192.0.2.1/23"), netip.MustParsePrefix("198.51.100.1/24"))
		time.Sleep(5 * time.Second) // the clock is synctest's
		synctest.Wait()
		if !bound(k, "192.0.2.255") || bound(k, "198.51.100.255") {
			t.Errorf("in other networks: bound: %v; want 192.0.2.255 and not 198.51.100.255", k.Rows().Addresses)
		}
	})
}
