package cluster

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// cartSlice has the port http, number 8080.
func cartSlice(family discovery.AddressType, endpoints ...discovery.Endpoint) *discovery.EndpointSlice {
	return &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "shop", Name: "cart-x7k"},
		AddressType: family,
		Ports:       []discovery.EndpointPort{{Name: ptr("http"), Protocol: ptr(v1.ProtocolTCP), Port: ptr(int32(8080))}},
		Endpoints:   endpoints,
	}
}

func withPorts(slice *discovery.EndpointSlice, ports ...discovery.EndpointPort) *discovery.EndpointSlice {
	slice.Ports = ports
	return slice
}

type condition func(*discovery.Endpoint)

func at(addr string, conditions ...condition) discovery.Endpoint {
	e := discovery.Endpoint{Addresses: []string{addr}}
	for _, c := range conditions {
		c(&e)
	}
	return e
}

func notReady(e *discovery.Endpoint)    { e.Conditions.Ready = ptr(false) }
func notServing(e *discovery.Endpoint)  { e.Conditions.Serving = ptr(false) }
func terminating(e *discovery.Endpoint) { e.Conditions.Terminating = ptr(true) }
func on(node string) condition          { return func(e *discovery.Endpoint) { e.NodeName = &node } }

func forZones(names ...string) condition {
	return func(e *discovery.Endpoint) {
		if e.Hints == nil {
			e.Hints = &discovery.EndpointHints{}
		}
		for _, name := range names {
			e.Hints.ForZones = append(e.Hints.ForZones, discovery.ForZone{Name: name})
		}
	}
}

func forNodes(names ...string) condition {
	return func(e *discovery.Endpoint) {
		if e.Hints == nil {
			e.Hints = &discovery.EndpointHints{}
		}
		for _, name := range names {
			e.Hints.ForNodes = append(e.Hints.ForNodes, discovery.ForNode{Name: name})
		}
	}
}

func ready(addr string) Endpoint {
	return Endpoint{Addr: netip.MustParseAddrPort(addr), Ready: true, Serving: true}
}

func TestEndpoints(t *testing.T) {
	const v4, v6 = discovery.AddressTypeIPv4, discovery.AddressTypeIPv6
	tcp := ptr(v1.ProtocolTCP)
	onSlice := func(field, problem string) Remark {
		return Remark{Object: "EndpointSlice shop/cart-x7k", Field: field, Problem: problem}
	}

	for _, c := range []struct {
		name    string
		slices  []*discovery.EndpointSlice
		want    []Endpoint
		remarks []Remark
	}{{
		name: "none",
	}, {
		name:   "sorted by address, not by spelling",
		slices: []*discovery.EndpointSlice{cartSlice(v4, at("10.1.0.10"), at("10.1.0.9"))},
		want:   []Endpoint{ready("10.1.0.9:8080"), ready("10.1.0.10:8080")},
	}, {
		name:   "B25 several slices, each with its number",
		slices: []*discovery.EndpointSlice{cartSlice(v4, at("10.1.0.1")), withPorts(cartSlice(v4, at("10.1.0.2")), discovery.EndpointPort{Name: ptr("http"), Protocol: tcp, Port: ptr(int32(9090))})},
		want:   []Endpoint{ready("10.1.0.1:8080"), ready("10.1.0.2:9090")},
	}, {
		name: "B22 a port belongs by name and protocol",
		slices: []*discovery.EndpointSlice{withPorts(cartSlice(v4, at("10.1.0.1")),
			discovery.EndpointPort{Name: ptr("https"), Protocol: tcp, Port: ptr(int32(1))},
			discovery.EndpointPort{Name: ptr("http"), Protocol: ptr(v1.ProtocolUDP), Port: ptr(int32(2))},
			discovery.EndpointPort{Name: ptr("http"), Port: ptr(int32(3))})},
		want: []Endpoint{ready("10.1.0.1:3")},
	}, {
		name:   "B50 only the first address counts",
		slices: []*discovery.EndpointSlice{cartSlice(v4, discovery.Endpoint{Addresses: []string{"10.1.0.1", "10.1.0.2"}})},
		want:   []Endpoint{ready("10.1.0.1:8080")},
	}, {
		name: "B51 B52 B53 conditions as given",
		slices: []*discovery.EndpointSlice{cartSlice(v4,
			at("10.1.0.1", notReady), at("10.1.0.2", notReady, notServing), at("10.1.0.3", notReady, terminating), at("10.1.0.4", terminating))},
		want: []Endpoint{
			{Addr: netip.MustParseAddrPort("10.1.0.1:8080"), Serving: true},
			{Addr: netip.MustParseAddrPort("10.1.0.2:8080")},
			{Addr: netip.MustParseAddrPort("10.1.0.3:8080"), Serving: true, Terminating: true},
			{Addr: netip.MustParseAddrPort("10.1.0.4:8080"), Ready: true, Serving: true, Terminating: true},
		},
	}, {
		name:   "B55 local is what is on this node",
		slices: []*discovery.EndpointSlice{cartSlice(v4, at("10.1.0.1", on("node-a")), at("10.1.0.2", on("node-b")), at("10.1.0.3"))},
		want: []Endpoint{
			{Addr: netip.MustParseAddrPort("10.1.0.1:8080"), Ready: true, Serving: true, Local: true},
			ready("10.1.0.2:8080"), ready("10.1.0.3:8080"),
		},
	}, {
		name:   "B56 hints, sorted",
		slices: []*discovery.EndpointSlice{cartSlice(v4, at("10.1.0.1", forZones("z2", "z1"), forNodes("n2", "n1")))},
		want: []Endpoint{{
			Addr: netip.MustParseAddrPort("10.1.0.1:8080"), Ready: true, Serving: true,
			Zones: []string{"z1", "z2"}, Nodes: []string{"n1", "n2"},
		}},
	}, {
		name: "B58 a port without number is not ours",
		slices: []*discovery.EndpointSlice{withPorts(cartSlice(v4, at("10.1.0.1")),
			discovery.EndpointPort{Name: ptr("http"), Protocol: tcp},
			discovery.EndpointPort{Name: ptr("http"), Protocol: tcp, Port: ptr(int32(0))})},
	}, {
		name: "B59 a copy that does not terminate wins, else ready, else serving, else local",
		slices: []*discovery.EndpointSlice{
			cartSlice(v4, at("10.1.0.1", terminating), at("10.1.0.2", notReady), at("10.1.0.3", notReady, notServing), at("10.1.0.4")),
			cartSlice(v4, at("10.1.0.1", notReady), at("10.1.0.2"), at("10.1.0.3", notReady), at("10.1.0.4", on("node-a"))),
		},
		want: []Endpoint{
			{Addr: netip.MustParseAddrPort("10.1.0.1:8080"), Serving: true},
			ready("10.1.0.2:8080"),
			{Addr: netip.MustParseAddrPort("10.1.0.3:8080"), Serving: true},
			{Addr: netip.MustParseAddrPort("10.1.0.4:8080"), Ready: true, Serving: true, Local: true},
		},
	}, {
		name:   "B62 both families, IPv4 first",
		slices: []*discovery.EndpointSlice{cartSlice(v6, at("fd01::1")), cartSlice(v4, at("10.1.0.1"))},
		want:   []Endpoint{ready("10.1.0.1:8080"), ready("[fd01::1]:8080")},
	}, {
		name:    "B6 names are not addresses",
		slices:  []*discovery.EndpointSlice{cartSlice(discovery.AddressTypeFQDN, at("a.example")), cartSlice(v4, at("10.1.0.1"))},
		want:    []Endpoint{ready("10.1.0.1:8080")},
		remarks: []Remark{onSlice("addressType", `"FQDN" cannot be balanced: IPv4 and IPv6 can`)},
	}, {
		name: "what cannot be programmed does not stop the rest",
		slices: []*discovery.EndpointSlice{
			cartSlice(v4, at("10.1.0.300"), at("fd01::1"), discovery.Endpoint{}, at("127.0.0.1"), at("10.1.0.1")),
			withPorts(cartSlice(v4, at("10.1.0.2")),
				discovery.EndpointPort{Name: ptr("a"), Protocol: tcp, Port: ptr(int32(70000))},
				discovery.EndpointPort{Name: ptr("b"), Protocol: ptr(v1.Protocol("QUIC")), Port: ptr(int32(1))},
				discovery.EndpointPort{Name: ptr("http"), Protocol: tcp, Port: ptr(int32(8080))}),
		},
		want: []Endpoint{ready("10.1.0.1:8080"), ready("10.1.0.2:8080")},
		remarks: []Remark{
			onSlice("endpoints[0].addresses[0]", `"10.1.0.300" is not an IP address`),
			onSlice("endpoints[1].addresses[0]", "fd01::1 is not of the slice's address type IPv4"),
			onSlice("endpoints[2].addresses", "there is none, and one is needed"),
			onSlice("endpoints[3].addresses[0]", "127.0.0.1 is a loopback address: the address of a single host is needed"),
			onSlice("ports[0].port", "70000 is not a port number: 1 to 65535 are"),
			onSlice("ports[1].protocol", `"QUIC" is not a protocol that can be balanced: TCP, UDP and SCTP are`),
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			svc := cart(func(s *v1.Service) { s.Spec.ClusterIPs = []string{"10.96.0.1", "fd00::1"} })
			ports, remarks := Ports(svc, c.slices, Node{Name: "node-a"})
			if diff := cmp.Diff(c.want, ports[0].Endpoints, plain); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.remarks, remarks, plain); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

// A nil name is the empty name, as the API's default has it.
func TestOnlyPortNeedsNoName(t *testing.T) {
	svc := cart(func(s *v1.Service) { s.Spec.Ports[0].Name = "" })
	slice := withPorts(cartSlice(discovery.AddressTypeIPv4, at("10.1.0.1")), discovery.EndpointPort{Port: ptr(int32(8080))})
	ports, _ := Ports(svc, []*discovery.EndpointSlice{slice}, Node{})
	if diff := cmp.Diff([]Endpoint{ready("10.1.0.1:8080")}, ports[0].Endpoints, plain); diff != "" {
		t.Error(diff)
	}
}

// A slice of a family in which the Service is not served is not even read.
func TestFamilyWithoutClusterIPHasNoEndpoints(t *testing.T) {
	slice := cartSlice(discovery.AddressTypeIPv6, at("fd01::1"), at("nonsense"))
	ports, remarks := Ports(cart(nil), []*discovery.EndpointSlice{slice}, Node{})
	if len(ports[0].Endpoints) != 0 || len(remarks) != 0 {
		t.Errorf("got endpoints %v and remarks %v, want none", ports[0].Endpoints, remarks)
	}
}

// The daemon without a node name has no local endpoints, not all that have no
// node.
func TestNamelessNodeHasNothingLocal(t *testing.T) {
	slice := cartSlice(discovery.AddressTypeIPv4, at("10.1.0.1"), at("10.1.0.2", on("")))
	ports, _ := Ports(cart(nil), []*discovery.EndpointSlice{slice}, Node{})
	for _, e := range ports[0].Endpoints {
		if e.Local {
			t.Errorf("%s is local", e.Addr)
		}
	}
}

// Whatever the order of slices, endpoints, ports and hints: equal ports.
func TestOrderNeverShows(t *testing.T) {
	rng := rand.New(rand.NewPCG(59, 1))
	conditions := []condition{
		notReady, notServing, terminating, on("node-a"), on("node-b"),
		forZones("z1"), forZones("z2", "z1"), forZones("z1", "z2"), forNodes("node-a"), forNodes("node-b", "node-a"),
	}
	for range 500 {
		var all []*discovery.EndpointSlice
		for i := range 3 {
			slice := cartSlice(discovery.AddressTypeIPv4)
			slice.Name = fmt.Sprint("cart-", i)
			for range 4 {
				e := at(fmt.Sprintf("10.1.0.%d", rng.IntN(3)))
				for range rng.IntN(4) {
					conditions[rng.IntN(len(conditions))](&e)
				}
				slice.Endpoints = append(slice.Endpoints, e)
			}
			all = append(all, slice)
		}
		want, _ := Ports(cart(nil), all, Node{Name: "node-a"})
		shuffle(rng, all)
		got, _ := Ports(cart(nil), all, Node{Name: "node-a"})
		if diff := cmp.Diff(want, got, plain); diff != "" {
			t.Fatalf("order shows (-before +after):\n%s", diff)
		}
	}
}

func shuffle(rng *rand.Rand, all []*discovery.EndpointSlice) {
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, slice := range all {
		e := slice.Endpoints
		rng.Shuffle(len(e), func(i, j int) { e[i], e[j] = e[j], e[i] })
		for _, h := range e {
			if h.Hints != nil {
				slices.Reverse(h.Hints.ForZones)
				slices.Reverse(h.Hints.ForNodes)
			}
		}
	}
}

func TestReadingLeavesTheObjectsAlone(t *testing.T) {
	slice := cartSlice(discovery.AddressTypeIPv4, at("10.1.0.2", forZones("z2", "z1")), at("10.1.0.1", forNodes("b", "a")))
	svc := cart(func(s *v1.Service) { s.Spec.ExternalIPs = []string{"2001:db8::1", "192.0.2.1"} })
	sliceBefore, svcBefore := slice.DeepCopy(), svc.DeepCopy()
	Ports(svc, []*discovery.EndpointSlice{slice}, Node{})
	if diff := cmp.Diff(sliceBefore, slice) + cmp.Diff(svcBefore, svc); diff != "" {
		t.Error(diff)
	}
}
