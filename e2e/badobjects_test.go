//go:build e2e

package e2e

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// The API server lets in what no node can program.
func TestBadObjects(t *testing.T) {
	s := shared.space(t)
	said := s.Log.Len()
	good := s.service("good", endpoints{"p1": ready})
	ips := external()
	s.service("elder", endpoints{"p1": ready}, externalIPs(ips))

	// Each has something good besides.
	names := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: s.name, Name: "names", Labels: map[string]string{discovery.LabelServiceName: "good"}},
		AddressType: discovery.AddressTypeFQDN,
		Endpoints:   []discovery.Endpoint{{Addresses: []string{"shop.example.com"}}},
	}
	if _, err := api.DiscoveryV1().EndpointSlices(s.name).Create(within(t, soon), names, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	looped := s.service("looped", endpoints{"p2": ready}, func(svc *corev1.Service) {
		svc.Spec.Type = corev1.ServiceTypeLoadBalancer
	})
	looped.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "127.0.0.1", IPMode: new(corev1.LoadBalancerIPModeVIP)}}
	if _, err := api.CoreV1().Services(s.name).UpdateStatus(within(t, soon), looped.Service, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	younger := s.service("younger", endpoints{"p2": ready}, func(svc *corev1.Service) { svc.Spec.ExternalIPs = ips.texts()[:1] })
	other := readPair("192.0.2.77", "2001:db8:0:2::77")
	addNode(t, s.name, other)
	hosts := s.service("hosts", endpoints{"p2": ready})
	hosts.Spec.ExternalIPs = other.texts()
	if _, err := api.CoreV1().Services(s.name).Update(within(t, soon), hosts.Service, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}

	for _, bad := range []struct{ name, object, field, problem string }{
		{"a slice of names", "EndpointSlice " + s.name + "/names", "addressType", `"FQDN"`},
		{"a load balancer on the loopback address", "Service " + s.name + "/looped", "status.loadBalancer.ingress", "127.0.0.1"},
		{"an external IP that an elder Service has", "Service " + s.name + "/younger", "spec.externalIPs", s.name + "/elder"},
		{"an external IP that is another Node's", "Service " + s.name + "/hosts", "spec.externalIPs", "192.0.2.77, 2001:db8:0:2::77 are not served here"},
	} {
		t.Run(bad.name+" is logged by name and field", func(t *testing.T) {
			err := lab.Until(within(t, patience), func() error {
				for line := range strings.Lines(s.Log.Since(said)) {
					if strings.Contains(line, `object="`+bad.object+`"`) && strings.Contains(line, `field="`+bad.field) {
						if !strings.Contains(strings.ReplaceAll(line, `\"`, `"`), bad.problem) {
							return errors.New("the log says " + line)
						}
						return nil
					}
				}
				return errors.New("the log does not say so")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("everything else answers", func(t *testing.T) {
		answered(t, s.questions("p3", good.clusterIPs(), lab.Protocols()...), itself, "p1")
		answered(t, s.questions("p3", ips, lab.Protocols()...), theNode, "p1")
		for _, svc := range []*service{looped, younger, hosts} {
			answered(t, s.questions("p3", svc.clusterIPs(), lab.Protocols()...), itself, "p2")
		}
	})
}
