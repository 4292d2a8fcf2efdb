package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

func TestHealthPort(t *testing.T) {
	for _, c := range []struct {
		name   string
		typ    v1.ServiceType
		policy v1.ServiceExternalTrafficPolicy
		number int32
		want   uint16
		remark string
	}{
		{"B37 load balancer, Local", v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyLocal, 32000, 32000, ""},
		{"B37 without a number", v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyLocal, 0, 0, "0 is not a port number: 1 to 65535 are"},
		{"load balancer, Cluster", v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyCluster, 32000, 0, ""},
		{"node port, Local", v1.ServiceTypeNodePort, v1.ServiceExternalTrafficPolicyLocal, 32000, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ports, remarks := Ports(cart(func(s *v1.Service) {
				s.Spec.Type, s.Spec.ExternalTrafficPolicy, s.Spec.HealthCheckNodePort = c.typ, c.policy, c.number
			}), nil, Node{Name: "node-a"})
			if got := ports[0].Health.Port; got != c.want {
				t.Errorf("port %d, want %d", got, c.want)
			}
			var want []Remark
			if c.remark != "" {
				want = []Remark{onCart("spec.healthCheckNodePort", c.remark)}
			}
			if diff := cmp.Diff(want, remarks); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadyForHealth(t *testing.T) {
	at := func(addr, node string, ready, terminating bool) discovery.Endpoint {
		return discovery.Endpoint{
			Addresses: []string{addr}, NodeName: &node,
			Conditions: discovery.EndpointConditions{Ready: &ready, Serving: ptr(true), Terminating: &terminating},
		}
	}
	slice := &discovery.EndpointSlice{
		AddressType: discovery.AddressTypeIPv4,
		Ports: []discovery.EndpointPort{
			{Name: ptr("http"), Port: ptr(int32(8080))}, {Name: ptr("admin"), Port: ptr(int32(8081))},
		},
		Endpoints: []discovery.Endpoint{
			at("10.1.0.2", "node-a", true, false), at("10.1.0.1", "node-a", true, false),
			at("10.1.0.3", "node-a", false, true), at("10.1.0.4", "node-a", true, true), at("10.1.0.5", "node-a", false, false),
			at("10.1.1.1", "node-b", true, false),
		},
	}
	ports, _ := Ports(cart(func(s *v1.Service) {
		s.Spec.Type, s.Spec.ExternalTrafficPolicy = v1.ServiceTypeLoadBalancer, v1.ServiceExternalTrafficPolicyLocal
		s.Spec.HealthCheckNodePort = 32000
		s.Spec.Ports = append(s.Spec.Ports, v1.ServicePort{Name: "admin", Port: 81})
	}), []*discovery.EndpointSlice{slice}, Node{Name: "node-a"})
	for _, p := range ports {
		if diff := cmp.Diff(addrs("10.1.0.1", "10.1.0.2"), p.Health.Ready, plain); diff != "" {
			t.Errorf("%s (-want +got):\n%s", p.Name.Port, diff)
		}
	}
}
