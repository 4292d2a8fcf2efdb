package cluster

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var plain = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}), cmpopts.EquateEmpty()}

func ptr[T any](v T) *T { return &v }

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

// cart is a Service as the API server would hand it out.
func cart(change func(*v1.Service)) *v1.Service {
	svc := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"},
		Spec: v1.ServiceSpec{
			Type:                  v1.ServiceTypeClusterIP,
			ClusterIP:             "10.96.0.1",
			ClusterIPs:            []string{"10.96.0.1"},
			InternalTrafficPolicy: ptr(v1.ServiceInternalTrafficPolicyCluster),
			SessionAffinity:       v1.ServiceAffinityNone,
			Ports:                 []v1.ServicePort{{Name: "http", Protocol: v1.ProtocolTCP, Port: 80}},
		},
	}
	if change != nil {
		change(svc)
	}
	return svc
}

func cartPort(change func(*Port)) Port {
	p := Port{
		Name:       PortName{types.NamespacedName{Namespace: "shop", Name: "cart"}, "http"},
		Protocol:   v1.ProtocolTCP,
		ClusterIPs: addrs("10.96.0.1"),
		Port:       80,
		Internal:   Cluster,
		External:   Cluster,
	}
	if change != nil {
		change(&p)
	}
	return p
}

func onCart(field, problem string) Remark {
	return Remark{Object: "Service shop/cart", Field: field, Problem: problem}
}

type serviceCase struct {
	name    string
	svc     *v1.Service
	want    []Port
	remarks []Remark
}

func (c serviceCase) run(t *testing.T) {
	got, remarks := Ports(c.svc, nil, Node{Name: "node-a"})
	if diff := cmp.Diff(c.want, got, plain); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.remarks, remarks, plain); diff != "" {
		t.Errorf("remarks (-want +got):\n%s", diff)
	}
}

func TestServices(t *testing.T) {
	for _, c := range []serviceCase{{
		name: "plain",
		svc:  cart(nil),
		want: []Port{cartPort(nil)},
	}, {
		name: "B4 nil",
	}, {
		name: "B4 headless",
		svc:  cart(func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "None", []string{"None"} }),
	}, {
		name: "B4 no address yet",
		svc:  cart(func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil }),
	}, {
		name: "B4 ExternalName keeps no ports, even with a ClusterIP",
		svc:  cart(func(s *v1.Service) { s.Spec.Type = v1.ServiceTypeExternalName }),
	}, {
		name: "B20 clusterIPs missing in an old object",
		svc:  cart(func(s *v1.Service) { s.Spec.ClusterIPs = nil }),
		want: []Port{cartPort(nil)},
	}, {
		name: "B20 both families",
		svc:  cart(func(s *v1.Service) { s.Spec.ClusterIPs = []string{"10.96.0.1", "fd00::1"} }),
		want: []Port{cartPort(func(p *Port) { p.ClusterIPs = addrs("10.96.0.1", "fd00::1") })},
	}, {
		name: "B20 addresses of a family without ClusterIP are left out",
		svc: cart(func(s *v1.Service) {
			s.Spec.ExternalIPs = []string{"192.0.2.1", "2001:db8::1"}
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "192.0.2.2"}, {IP: "2001:db8::2"}}
		}),
		want: []Port{cartPort(func(p *Port) { p.ExternalIPs, p.IngressIPs = addrs("192.0.2.1"), addrs("192.0.2.2") })},
	}, {
		name: "B23 the protocols, and TCP if none is named",
		svc: cart(func(s *v1.Service) {
			s.Spec.Ports = []v1.ServicePort{{Name: "a", Port: 53, Protocol: "UDP"}, {Name: "b", Port: 53, Protocol: "SCTP"}, {Name: "c", Port: 53}}
		}),
		want: []Port{
			cartPort(func(p *Port) { p.Name.Port, p.Port, p.Protocol = "a", 53, v1.ProtocolUDP }),
			cartPort(func(p *Port) { p.Name.Port, p.Port, p.Protocol = "b", 53, v1.ProtocolSCTP }),
			cartPort(func(p *Port) { p.Name.Port, p.Port, p.Protocol = "c", 53, v1.ProtocolTCP }),
		},
	}, {
		name: "B26 node port",
		svc:  cart(func(s *v1.Service) { s.Spec.Ports[0].NodePort = 30080 }),
		want: []Port{cartPort(func(p *Port) { p.NodePort = 30080 })},
	}, {
		name: "B29 external addresses once each, unmapped and without zone",
		svc: cart(func(s *v1.Service) {
			s.Spec.ClusterIPs = []string{"10.96.0.1", "fd00::1"}
			s.Spec.ExternalIPs = []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1%eth0"}
		}),
		want: []Port{cartPort(func(p *Port) {
			p.ClusterIPs, p.ExternalIPs = addrs("10.96.0.1", "fd00::1"), addrs("192.0.2.1", "2001:db8::1")
		})},
	}, {
		name: "B30 B31 B32 ingress: by ipMode, whatever the type",
		svc: cart(func(s *v1.Service) {
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{
				{IP: "192.0.2.1"},
				{IP: "192.0.2.2", IPMode: ptr(v1.LoadBalancerIPModeVIP)},
				{IP: "192.0.2.3", IPMode: ptr(v1.LoadBalancerIPModeProxy)},
				{Hostname: "lb.example"},
			}
		}),
		want: []Port{cartPort(func(p *Port) { p.IngressIPs = addrs("192.0.2.1", "192.0.2.2") })},
	}, {
		name: "B34 affinity by default for three hours",
		svc:  cart(func(s *v1.Service) { s.Spec.SessionAffinity = v1.ServiceAffinityClientIP }),
		want: []Port{cartPort(func(p *Port) { p.Affinity = 3 * time.Hour })},
	}, {
		name: "B34 affinity for a day",
		svc:  cart(affinityFor(86400)),
		want: []Port{cartPort(func(p *Port) { p.Affinity = 24 * time.Hour })},
	}, {
		name: "B34 a timeout without affinity means nothing",
		svc:  cart(func(s *v1.Service) { affinityFor(0)(s); s.Spec.SessionAffinity = v1.ServiceAffinityNone }),
		want: []Port{cartPort(nil)},
	}, {
		name: "B179 how long connections are waited for",
		svc:  cart(func(s *v1.Service) { s.Annotations = map[string]string{"kube-ipvs.io/drain-timeout": "1m30s"} }),
		want: []Port{cartPort(func(p *Port) { p.DrainTimeout = ptr(90 * time.Second) })},
	}, {
		name: "B179 not at all",
		svc:  cart(func(s *v1.Service) { s.Annotations = map[string]string{"kube-ipvs.io/drain-timeout": "0"} }),
		want: []Port{cartPort(func(p *Port) { p.DrainTimeout = ptr(time.Duration(0)) })},
	}, {
		name: "B35 B36 policies",
		svc: cart(func(s *v1.Service) {
			s.Spec.InternalTrafficPolicy = ptr(v1.ServiceInternalTrafficPolicyLocal)
			s.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal
		}),
		want: []Port{cartPort(func(p *Port) { p.Internal, p.External = Local, Local })},
	}, {
		name: "B36 no internal policy",
		svc:  cart(func(s *v1.Service) { s.Spec.InternalTrafficPolicy = nil }),
		want: []Port{cartPort(nil)},
	}} {
		t.Run(c.name, c.run)
	}
}

func affinityFor(seconds int32) func(*v1.Service) {
	return func(s *v1.Service) {
		s.Spec.SessionAffinity = v1.ServiceAffinityClientIP
		s.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: &seconds}}
	}
}

func TestServicesThatCannotBeProgrammed(t *testing.T) {
	good := v1.ServicePort{Name: "http", Protocol: v1.ProtocolTCP, Port: 80}
	beside := func(bad v1.ServicePort) *v1.Service {
		return cart(func(s *v1.Service) { s.Spec.Ports = []v1.ServicePort{bad, good} })
	}
	var drains []serviceCase
	for _, text := range []string{"", "soon", "90", "-1s", "24h1s"} {
		drains = append(drains, serviceCase{
			name: fmt.Sprintf("B179 drain timeout %q", text),
			svc:  cart(func(s *v1.Service) { s.Annotations = map[string]string{"kube-ipvs.io/drain-timeout": text} }),
			want: []Port{cartPort(nil)},
			remarks: []Remark{onCart("metadata.annotations[kube-ipvs.io/drain-timeout]",
				fmt.Sprintf("%q is not a duration from 0s to 24h0m0s, such as 90s or 15m: the node's is used", text))},
		})
	}
	for _, c := range append(drains, []serviceCase{{
		name: "protocol",
		svc:  beside(v1.ServicePort{Name: "bad", Protocol: "ICMP", Port: 80}),
		want: []Port{cartPort(nil)},
		remarks: []Remark{onCart("spec.ports[0].protocol",
			`"ICMP" is not a protocol that can be balanced: TCP, UDP and SCTP are`)},
	}, {
		name:    "port zero",
		svc:     beside(v1.ServicePort{Name: "bad", Protocol: "TCP"}),
		want:    []Port{cartPort(nil)},
		remarks: []Remark{onCart("spec.ports[0].port", "0 is not a port number: 1 to 65535 are")},
	}, {
		name:    "port too high by one bit",
		svc:     beside(v1.ServicePort{Name: "bad", Protocol: "TCP", Port: 65536 + 80}),
		want:    []Port{cartPort(nil)},
		remarks: []Remark{onCart("spec.ports[0].port", "65616 is not a port number: 1 to 65535 are")},
	}, {
		name:    "port too high by one",
		svc:     beside(v1.ServicePort{Name: "bad", Protocol: "TCP", Port: 65536}),
		want:    []Port{cartPort(nil)},
		remarks: []Remark{onCart("spec.ports[0].port", "65536 is not a port number: 1 to 65535 are")},
	}, {
		name: "node port: the rest of the port is served",
		svc:  cart(func(s *v1.Service) { s.Spec.Ports[0].NodePort = -1 }),
		want: []Port{cartPort(nil)},
		remarks: []Remark{
			onCart("spec.ports[0].nodePort", "-1 is not a port number: 1 to 65535 are"),
		},
	}, {
		name: "addresses",
		svc: cart(func(s *v1.Service) {
			s.Spec.ClusterIPs = []string{"10.96.0.1", "fd00::zz"}
			s.Spec.ExternalIPs = []string{"host.example", "192.0.2.1", "127.0.0.1"}
			s.Status.LoadBalancer.Ingress = []v1.LoadBalancerIngress{{IP: "0.0.0.0"}, {IP: "192.0.2.2"}, {IP: "010.0.0.1"}, {IP: "224.0.0.1"}}
		}),
		want: []Port{cartPort(func(p *Port) { p.ExternalIPs, p.IngressIPs = addrs("192.0.2.1"), addrs("192.0.2.2") })},
		remarks: []Remark{
			onCart("spec.clusterIPs", `"fd00::zz" is not an IP address`),
			onCart("spec.externalIPs", `"host.example" is not an IP address`),
			onCart("spec.externalIPs", "127.0.0.1 is a loopback address: the address of a single host is needed"),
			onCart("status.loadBalancer.ingress", `"010.0.0.1" is not an IP address`),
			onCart("status.loadBalancer.ingress", "0.0.0.0 is an unspecified address: the address of a single host is needed"),
			onCart("status.loadBalancer.ingress", "224.0.0.1 is a multicast address: the address of a single host is needed"),
		},
	}, {
		name: "an address that may not be is remarked upon once",
		svc:  cart(func(s *v1.Service) { s.Spec.ExternalIPs = []string{"169.254.1.1", "169.254.1.1", "::ffff:169.254.1.1"} }),
		want: []Port{cartPort(nil)},
		remarks: []Remark{
			onCart("spec.externalIPs", "169.254.1.1 is a link-local address: the address of a single host is needed"),
		},
	}, {
		name:    "no ClusterIP that can be read",
		svc:     cart(func(s *v1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "bad", []string{"bad"} }),
		remarks: []Remark{onCart("spec.clusterIPs", `"bad" is not an IP address`)},
	}, {
		name: "affinity too long",
		svc:  cart(affinityFor(86401)),
		want: []Port{cartPort(func(p *Port) { p.Affinity = 3 * time.Hour })},
		remarks: []Remark{onCart("spec.sessionAffinityConfig.clientIP.timeoutSeconds",
			"86401 is not from 1 to 86400: the default of 10800 is used")},
	}, {
		name: "affinity of no length",
		svc:  cart(affinityFor(0)),
		want: []Port{cartPort(func(p *Port) { p.Affinity = 3 * time.Hour })},
		remarks: []Remark{onCart("spec.sessionAffinityConfig.clientIP.timeoutSeconds",
			"0 is not from 1 to 86400: the default of 10800 is used")},
	}}...) {
		t.Run(c.name, c.run)
	}
}
