package crowd

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	space      = "bench" // the namespace
	probes     = 10
	port       = 80
	targetPort = 8080
	farNode    = "node2" // of all endpoints
)

// firstEndpoint is where the addresses that nothing answers begin.
var firstEndpoint = netip.MustParseAddr("100.64.0.0").As4()

const (
	mostEndpoints = 100    // of a Service
	mostServices  = 20_000 // together 2,000,000 addresses to a generation
	generations   = 2      // so that all fit into 100.64.0.0/10
)

func crowdName(i int) string { return fmt.Sprintf("s-%05d", i) }

// probeName stands behind the last Service of its share of n in the order of
// names; that of the last probe is the last of all.
func probeName(k, n int) string { return crowdName((k+1)*n/probes-1) + "-probe" }

func service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: space, Name: name},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{
			Name: "tcp", Protocol: corev1.ProtocolTCP, Port: port, TargetPort: intstr.FromInt32(targetPort),
		}}},
	}
}

// slice is the one slice of a Service.
func slice(name string, addresses []string) *discovery.EndpointSlice {
	yes, no, node := true, false, farNode
	portName, protocol, number := "tcp", corev1.ProtocolTCP, int32(targetPort)
	s := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: space, Name: name, Labels: map[string]string{discovery.LabelServiceName: name}},
		AddressType: discovery.AddressTypeIPv4,
		Ports:       []discovery.EndpointPort{{Name: &portName, Protocol: &protocol, Port: &number}},
	}
	for _, a := range addresses {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{
			Addresses: []string{a}, NodeName: &node,
			Conditions: discovery.EndpointConditions{Ready: &yes, Serving: &yes, Terminating: &no},
		})
	}
	return s
}

// endpoints are those of Service i after it has been changed some times: each
// change replaces one, in turn.
func endpoints(i, n, changed int) []string {
	all := make([]string, n)
	for e := range n {
		// How often this one was replaced.
		replaced := (changed + n - 1 - e) / n
		all[e] = endpoint(i, e, replaced%generations).String()
	}
	return all
}

func endpoint(i, e, generation int) netip.Addr {
	number := uint32((generation*mostServices+i)*mostEndpoints + e)
	a := firstEndpoint
	a[1] += byte(number >> 16)
	a[2] = byte(number >> 8)
	a[3] = byte(number)
	return netip.AddrFrom4(a)
}
