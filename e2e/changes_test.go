//go:build e2e

package e2e

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const headless = "service.kubernetes.io/headless"

// TestServicesChange goes through changes of one Service while it lives.
func TestServicesChange(t *testing.T) {
	s := shared.space(t)
	both := endpoints{"p1": ready, "r1": ready}
	web := s.created("web", both, nodePort)
	// No client reads these, so r2 never answers.
	legacy := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Subsets: []corev1.EndpointSubset{{ //nolint:staticcheck // the old kind is the point
		Addresses: []corev1.EndpointAddress{{IP: s.Pod("r2").IPv4.String()}},
		Ports:     []corev1.EndpointPort{{Name: portName(lab.TCP), Port: lab.Port, Protocol: lab.TCP}},
	}}}
	if _, err := api.CoreV1().Endpoints(s.name).Create(within(t, soon), legacy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	of := func(p corev1.Protocol) func() []question {
		return func() []question {
			all := s.questions("p3", web.clusterIPs(), p)
			if web.Spec.Type == corev1.ServiceTypeNodePort {
				all = append(all, web.onNode("outside", nodeAddrs[:2], p)...)
			}
			return all
		}
	}
	tcp, udp := of(lab.TCP), of(lab.UDP)
	label := func(key string) func(*corev1.Service) {
		return func(svc *corev1.Service) { svc.Labels = map[string]string{key: ""} }
	}
	rename := func(to string) func(*discovery.EndpointSlice) {
		return func(slice *discovery.EndpointSlice) { slice.Ports[0].Name = &to }
	}
	before := tcp()
	for _, step := range []struct {
		name    string
		change  func()
		asked   func() []question
		outcome func(question) error
	}{
		{"B12 slices count, Endpoints do not", func() {}, tcp, by("p1", "r1")},
		{"B1 labelled for another proxy", func() { web.edit(label("service.kubernetes.io/service-proxy-name")) }, tcp, refusal},
		{"B1 the label is gone", func() { web.edit(func(svc *corev1.Service) { svc.Labels = nil }) }, tcp, by("p1", "r1")},
		{"B3 the label headless means nothing on a Service", func() {
			web.edit(label(headless))
			web.setEndpoints(endpoints{"r1": ready})
		}, tcp, by("r1")},
		{"B3 slices labelled headless are not seen", func() {
			web.setEndpoints(both, func(slice *discovery.EndpointSlice) { slice.Labels[headless] = "" })
		}, tcp, refusal},
		{"B3 the label on the slices is gone", func() { web.setEndpoints(both) }, tcp, by("p1", "r1")},
		{"B22 a port gets another name", func() {
			web.edit(func(svc *corev1.Service) { svc.Spec.Ports[0].Name = "http" })
		}, tcp, refusal},
		{"B22 the others keep theirs", func() {}, udp, by("p1", "r1")},
		{"B22 the slices follow", func() { web.setEndpoints(both, rename("http")) }, tcp, by("p1", "r1")},
		{"B23 a protocol goes", func() {
			web.edit(func(svc *corev1.Service) { svc.Spec.Ports = slices.Delete(svc.Spec.Ports, 1, 2) })
		}, func() []question { return s.questions("p3", web.clusterIPs(), lab.UDP) }, refusal},
		{"B23 another one is added on the same port", func() {
			web.edit(func(svc *corev1.Service) {
				svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: portName(lab.UDP), Protocol: lab.UDP, Port: port})
			})
		}, udp, by("p1", "r1")},
		{"B28 no longer of type NodePort", func() {
			before = web.onNode("outside", nodeAddrs[:2], lab.TCP)
			web.edit(func(svc *corev1.Service) { svc.Spec.Type = corev1.ServiceTypeClusterIP })
		}, func() []question { return before }, refusal},
		{"B28 the cluster address stays", func() {}, tcp, by("p1", "r1")},
		{"B28 of type NodePort again", func() { web.edit(nodePort) }, tcp, by("p1", "r1")},
		{"B4 of type ExternalName", func() {
			before = tcp()
			web.edit(func(svc *corev1.Service) {
				svc.Spec.Type, svc.Spec.ExternalName = corev1.ServiceTypeExternalName, "shop.example.com"
			})
		}, func() []question { return before }, refusal},
		{"B4 back from ExternalName", func() {
			web.edit(func(svc *corev1.Service) {
				svc.Spec.Type, svc.Spec.ExternalName = corev1.ServiceTypeClusterIP, ""
				svc.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicyRequireDualStack)
			})
		}, tcp, by("p1", "r1")},
		{"B41 being deleted", func() {
			web.edit(func(svc *corev1.Service) { svc.Finalizers = []string{"example.com/wait"} })
			web.delete()
			web.setEndpoints(endpoints{"r1": ready}, rename("http"))
		}, tcp, by("r1")},
		{"B41 deleted", func() {
			before = tcp()
			web.edit(func(svc *corev1.Service) { svc.Finalizers = nil })
		}, func() []question { return before }, refusal},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			become(t, step.asked(), step.outcome)
		})
	}
}

// TestSlicesOfferEndpoints has a Service for each thing that slices may say.
func TestSlicesOfferEndpoints(t *testing.T) {
	s := shared.space(t)
	further := lab.NewServer("p1")
	t.Cleanup(func() { _ = further.Close() })
	for _, addr := range []string{s.Pod("p1").IPv4.String(), s.Pod("p1").IPv6.String()} {
		if err := further.Listen(s.Pod("p1").Namespace, lab.TCP, netip.MustParseAddrPort(net.JoinHostPort(addr, "9090"))); err != nil {
			t.Fatal(err)
		}
	}
	is4 := func(slice *discovery.EndpointSlice) bool { return slice.AddressType == discovery.AddressTypeIPv4 }
	for i, c := range []struct {
		name   string
		of     endpoints
		edit   func(*discovery.EndpointSlice)
		v4, v6 func(question) error
	}{
		{"B25 each slice says its number", endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
			if !is4(slice) {
				slice.Ports[0].Port = new(int32(9090))
			}
		}, by("p1"), by("p1")},
		{"B50 of several addresses the first counts", endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
			e, p2 := &slice.Endpoints[0], s.client("p2").addrs
			e.Addresses = append(e.Addresses, p2.of(corev1.IPFamily(slice.AddressType)).String())
		}, by("p1"), by("p1")},
		{"B51 B52 B53 ready, serving and not terminating if nothing is said", endpoints{"p1": unready, "r1": unready}, func(slice *discovery.EndpointSlice) {
			for i := range slice.Endpoints {
				slice.Endpoints[i].Conditions = discovery.EndpointConditions{}
			}
		}, by("p1", "r1"), by("p1", "r1")},
		{"B58 without a number there is no port", endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
			if is4(slice) {
				slice.Ports[0].Port = nil
			}
		}, refusal, by("p1")},
		{"B58 without a protocol it is TCP", endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
			slice.Ports[0].Protocol = nil
		}, by("p1"), by("p1")},
		{"B59 a copy that terminates does not count", endpoints{"p1": ready, "r1": ready}, func(slice *discovery.EndpointSlice) {
			copied := s.slice(slice.Labels[discovery.LabelServiceName], corev1.IPFamily(slice.AddressType), endpoints{"p1": terminating, "r1": unready})
			copied.Name += "-copy"
			if _, err := api.DiscoveryV1().EndpointSlices(s.name).Create(within(t, soon), copied, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}, by("p1", "r1"), by("p1", "r1")},
		{"B62 each family has its own", endpoints{"p1": ready, "r1": ready}, func(slice *discovery.EndpointSlice) {
			slice.Endpoints = slices.DeleteFunc(slice.Endpoints, func(e discovery.Endpoint) bool { return (*e.NodeName == "node") == is4(slice) })
		}, by("r1"), by("p1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := string(rune('a' + i))
			svc := s.created(name, nil, func(svc *corev1.Service) { svc.Spec.Ports[0].TargetPort.IntVal = 1 })
			svc.setEndpoints(c.of, c.edit)
			all := s.questions("p3", svc.clusterIPs(), lab.TCP)
			become(t, all[:1], c.v4)
			become(t, all[1:], c.v6)
		})
	}
	t.Run("B5 slices that move to another Service take their endpoints along", func(t *testing.T) {
		from, to := s.created("from", endpoints{"p2": ready}), s.created("to", nil)
		become(t, s.questions("p3", from.clusterIPs(), lab.TCP), by("p2"))
		from.setEndpoints(endpoints{"p2": ready}, func(slice *discovery.EndpointSlice) { slice.Labels[discovery.LabelServiceName] = "to" })
		become(t, s.questions("p3", to.clusterIPs(), lab.TCP, lab.UDP), by("p2"))
		become(t, s.questions("p3", from.clusterIPs(), lab.TCP, lab.UDP), refusal)
	})
	t.Run("B60 a Service that goes leaves the endpoints of others alone", func(t *testing.T) {
		one, other := s.created("one", endpoints{"p1": ready}), s.created("other", endpoints{"p1": ready})
		all := s.questions("p3", one.clusterIPs(), lab.TCP)
		become(t, all, by("p1"))
		one.delete()
		become(t, all, refusal)
		become(t, s.questions("p3", other.clusterIPs(), lab.TCP), by("p1"))
	})
	t.Run("B20 a family without cluster address is not served", func(t *testing.T) {
		ips := external()
		svc := s.created("single", endpoints{"p1": ready}, externalIPs(ips), func(svc *corev1.Service) {
			svc.Spec.IPFamilyPolicy = new(corev1.IPFamilyPolicySingleStack)
			svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv4Protocol}
		})
		all := s.questions("outside", ips, lab.TCP)
		become(t, all[:1], by("p1"))
		become(t, all[1:], silence)
		if len(svc.Spec.ClusterIPs) != 1 {
			t.Errorf("cluster addresses %v, want one", svc.Spec.ClusterIPs)
		}
	})
}
