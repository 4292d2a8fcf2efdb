//go:build e2e

package e2e

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestInternalTrafficPolicyLocal(t *testing.T) {
	s := shared.space(t)
	lb := external()
	inner := func(svc *corev1.Service) {
		svc.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
	}
	both := endpoints{"p1": ready, "r1": ready}
	web := s.created("web", both, loadBalancer(lb), inner)
	hidden := s.created("hidden", both, inner) // for the inside only
	var inside, outside []question
	for _, from := range three {
		inside = append(inside, s.questions(from, web.clusterIPs(), refusing...)...)
		inside = append(inside, s.questions(from, hidden.clusterIPs(), refusing...)...)
		outside = append(outside, s.questions(from, lb, refusing...)...)
	}
	t.Run("B81 cluster addresses: the endpoints of this node", func(t *testing.T) { become(t, inside, by("p1")) })
	t.Run("B92 other addresses: all endpoints", func(t *testing.T) { become(t, outside, by("p1", "r1")) })
	for _, svc := range []*service{web, hidden} {
		svc.setEndpoints(endpoints{"r1": ready})
	}
	t.Run("B92 no endpoint here: other addresses are answered", func(t *testing.T) { become(t, outside, by("r1")) })
	t.Run("B82 B83 no endpoint here: silence at cluster addresses", func(t *testing.T) { become(t, inside, silence) })
	for _, svc := range []*service{web, hidden} {
		svc.setEndpoints(endpoints{"p1": terminating, "r1": ready})
	}
	t.Run("B54 the only one here terminates: it serves", func(t *testing.T) { become(t, inside, by("p1")) })
}

func TestSourceRanges(t *testing.T) {
	s := shared.space(t)
	lb := external()
	ranges := func(texts ...string) func(*corev1.Service) {
		return func(svc *corev1.Service) { svc.Spec.LoadBalancerSourceRanges = texts }
	}
	web := s.created("web", endpoints{"p1": ready}, loadBalancer(lb), ranges("192.0.2.100/32", "2001:db8:0:2::100/128"))
	const four, six = 0, 1 // of the questions of one client
	pod, outside := s.questions("p3", lb, lab.TCP), s.questions("outside", lb, lab.TCP)
	for _, step := range []struct {
		name     string
		ranges   []string
		in, shut []question
	}{
		{name: "B108 single addresses", in: outside, shut: pod},
		{name: "B102 white space is forgiven", ranges: []string{" 10.244.0.0/16", "fd00:10:244::/48 "}, in: pod, shut: outside},
		{name: "B103 a whole family", ranges: []string{"0.0.0.0/0", "::/0"}, in: append(pod, outside...)},
		{name: "B104 of one family only", ranges: []string{"10.244.0.0/16"}, in: append(pod, outside[six]), shut: outside[:six]},
		{name: "B104 of the other family only", ranges: []string{"2001:db8:0:2::/64"}, in: append(outside, pod[four]), shut: pod[six:]},
		{name: "B100 none any more", ranges: []string{}, in: append(pod, outside...)},
	} {
		t.Run(step.name, func(t *testing.T) {
			if step.ranges != nil {
				web.edit(ranges(step.ranges...))
			}
			become(t, step.in, by("p1"))
			become(t, step.shut, silence)
			become(t, s.questions("outside", web.clusterIPs(), lab.TCP), by("p1"))
		})
	}
}

// TestLoadBalancerModes has a load balancer outside that answers at both of
// its addresses. Only one of them is the node's business.
func TestLoadBalancerModes(t *testing.T) {
	s := shared.space(t)
	proxy, vip := external(), external()
	balancer := lab.NewServer("balancer")
	t.Cleanup(func() { _ = balancer.Close() })
	for _, a := range []pair{proxy, vip} {
		for _, f := range families {
			whole := netip.PrefixFrom(a.of(f), a.of(f).BitLen()).String()
			if _, err := s.Outside.Run("ip", "address", "add", whole, "dev", "lo", "nodad"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := s.Outside.Run("ip", "address", "delete", whole, "dev", "lo"); err != nil {
					t.Error(err)
				}
			})
			if err := balancer.Listen(s.Outside, lab.TCP, netip.AddrPortFrom(a.of(f), port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	web := s.created("web", endpoints{"p1": ready}, loadBalancer(vip), loadBalancer(proxy), func(svc *corev1.Service) {
		svc.Spec.AllocateLoadBalancerNodePorts = new(false)
		for i := range svc.Status.LoadBalancer.Ingress[2:] {
			svc.Status.LoadBalancer.Ingress[2+i].IPMode = new(corev1.LoadBalancerIPModeProxy)
		}
	})
	t.Run("B30 B40 without node ports the address is served", func(t *testing.T) {
		become(t, s.questions("p3", vip, lab.TCP), by("p1"))
		become(t, s.questions("node", vip, lab.TCP), by("p1"))
	})
	// Not asked by Pods: the world outside knows no way back to them.
	t.Run("B31 in mode Proxy the load balancer answers", func(t *testing.T) {
		become(t, s.questions("node", proxy, lab.TCP), by("balancer"))
	})
	if n := web.nodePort(lab.TCP); n != 0 {
		t.Errorf("node port %d, want none", n)
	}
}
