package node

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func at(addrs ...string) *v1.Node {
	n := &v1.Node{}
	for _, a := range addrs {
		n.Status.Addresses = append(n.Status.Addresses, v1.NodeAddress{Type: v1.NodeInternalIP, Address: a})
	}
	return n
}

// Where an address is several things, the one that matters most counts; of the API
// server on this node it is its port, at all addresses (K27).
func TestGuard(t *testing.T) {
	addr, port := netip.MustParseAddr, netip.MustParseAddrPort
	own := at("192.0.2.1")
	own.Status.Addresses = append(own.Status.Addresses, v1.NodeAddress{Type: v1.NodeHostName, Address: "192.0.2.99"})
	s := Surroundings{
		Own: []netip.Addr{addr("192.0.2.1")}, Object: own,
		Nodes:      []*v1.Node{own, at("192.0.2.2", "not an address"), at("192.0.2.3"), at("192.0.2.254")},
		WaysOut:    state.WaysOut{Gateways: []netip.Addr{addr("192.0.2.254")}, Resolvers: []netip.Addr{addr("9.9.9.9"), addr("192.0.2.3")}},
		APIServers: []netip.AddrPort{port("192.0.2.2:6443"), port("192.0.2.1:7443")},
		Listening:  []netip.AddrPort{port("0.0.0.0:10256"), port("127.0.0.1:10249")},
	}
	want := plan.Guard{
		Hosts: map[netip.Addr]plan.Reason{
			addr("192.0.2.1"): plan.APIServer, addr("192.0.2.2"): plan.APIServer, addr("192.0.2.3"): plan.Node,
			addr("192.0.2.254"): plan.Gateway, addr("9.9.9.9"): plan.Resolver,
		},
		Ports: map[netip.AddrPort]plan.Reason{
			port("0.0.0.0:7443"): plan.APIServer, port("[::]:7443"): plan.APIServer,
			port("0.0.0.0:10250"): plan.Kubelet, port("[::]:10250"): plan.Kubelet,
			port("0.0.0.0:10256"): plan.Daemon, port("[::]:10256"): plan.Daemon, port("127.0.0.1:10249"): plan.Daemon,
		},
	}
	comparable := cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})}
	if diff := cmp.Diff(want, s.Guard(), comparable); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	own.Status.DaemonEndpoints.KubeletEndpoint.Port = 10350
	if g := s.Guard(); g.Ports[port("0.0.0.0:10350")] != plan.Kubelet || g.Ports[port("0.0.0.0:10250")] != "" {
		t.Errorf("the kubelet is at 10350, guarded are %v", g.Ports)
	}
}

// What cannot be read is passed over, and a port that is not said is none.
func TestEndpoints(t *testing.T) {
	port := int32(6443)
	got := Endpoints([]*discovery.EndpointSlice{{
		Ports:     []discovery.EndpointPort{{Port: &port}, {}},
		Endpoints: []discovery.Endpoint{{Addresses: []string{"192.0.2.2", "x"}}, {Addresses: []string{"2001:db8::2"}}},
	}})
	want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.2:6443"), netip.MustParseAddrPort("[2001:db8::2]:6443")}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A node is planned with its addresses in order, each once, with its zone.
func TestView(t *testing.T) {
	own := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("192.0.2.7/32")}
	object := &v1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{v1.LabelTopologyZone: "b"}}}
	got := View("node-a", own, object, Ports{})
	if diff := cmp.Diff([]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.7")}, got.Addresses, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.7/32")}
	if diff := cmp.Diff(networks, got.Networks, cmpopts.EquateComparable(netip.Prefix{})); diff != "" || got.Name != "node-a" || got.Zone != "b" {
		t.Errorf("node %s in zone %s, networks (-want +got):\n%s", got.Name, got.Zone, diff)
	}
	if View("node-a", own, nil, Ports{}).Zone != "" {
		t.Error("a node that is not known has a zone")
	}
}

// Load balancers may send to a node that is known and stays.
func TestEligible(t *testing.T) {
	leaving, tainted := at(), at()
	leaving.DeletionTimestamp = &metav1.Time{}
	tainted.Spec.Taints = []v1.Taint{{Key: deletionTaint}}
	for name, c := range map[string]struct {
		object *v1.Node
		want   bool
	}{"known": {at(), true}, "unknown": {nil, false}, "being deleted": {leaving, false}, "about to be removed": {tainted, false}} {
		if got := Eligible(c.object); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
