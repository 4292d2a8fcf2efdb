//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// world is what the Services of a migration are like, as one node has them.
type world struct {
	*space
	web    *service // a cluster address and a node port, TCP and UDP
	ip     *service // an external address
	ranged *service // a load balancer's address, for the client outside alone
	local  *service // a load balancer's address, policy Local
	empty  *service // a load balancer's address, and no endpoint behind it
}

var some = endpoints{"p1": ready, "r1": ready}

// newWorld writes so many Services of all kinds. All nodes have them.
func newWorld(t *testing.T, many int) world {
	t.Helper()
	s := shared.space(t)
	tcp := speaks(lab.TCP)
	w := world{
		space:  s,
		web:    s.created("web", some, speaks(lab.TCP, lab.UDP), nodePort),
		ip:     s.created("ip", some, tcp, externalIPs(external())),
		ranged: s.created("ranged", some, tcp, loadBalancer(external()), ranges("192.0.2.100/32", "2001:db8:0:2::100/128")),
		local:  s.created("local", some, tcp, loadBalancer(external()), local),
		empty:  s.created("empty", nil, tcp, loadBalancer(external())),
	}
	kinds := [][]func(*corev1.Service){
		{tcp}, {tcp, nodePort}, {tcp}, {tcp, sticky}, {speaks(lab.UDP)}, {tcp}, {tcp, nodePort, local}, {speaks(lab.SCTP)},
	}
	err := parallel(many-5, func(i int) error {
		_, err := s.write(fmt.Sprintf("one-%d", i), some, kinds[i%len(kinds)]...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// speaks leaves a Service some of its ports.
func speaks(protocols ...corev1.Protocol) func(*corev1.Service) {
	return func(svc *corev1.Service) {
		svc.Spec.Ports = slices.DeleteFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool {
			return !slices.Contains(protocols, p.Protocol)
		})
	}
}

func ranges(of ...string) func(*corev1.Service) {
	return func(svc *corev1.Service) { svc.Spec.LoadBalancerSourceRanges = of }
}

// at is the world as the node of another cluster has it.
func (w world) at(t *testing.T, c *cluster) world {
	s := &space{cluster: c, t: t, name: w.name}
	as := func(svc *service) *service { return &service{svc.Service, s} }
	return world{s, as(w.web), as(w.ip), as(w.ranged), as(w.local), as(w.empty)}
}

func (s *service) balanced() pair {
	in := s.Status.LoadBalancer.Ingress
	return readPair(in[0].IP, in[1].IP)
}

// served are questions that every proxy has to answer.
func (w world) served() (all []question) {
	for _, from := range three {
		all = append(all, w.questions(from, w.web.clusterIPs(), refusing...)...)
		all = append(all, w.web.onNode(from, nodeAddrs[:2], refusing...)...)
		all = append(all, w.questions(from, readPair(w.ip.Spec.ExternalIPs...), lab.TCP)...)
	}
	for _, svc := range []*service{w.ranged, w.local} {
		all = append(all, w.questions("outside", svc.balanced(), lab.TCP)...)
	}
	return all
}

// beside are those of served that can be answered while rules of kube-proxy's
// iptables mode stand beside ours: they drop what is to a load balancer's
// address with source ranges and was not translated by their own.
func (w world) beside() []question {
	ranged := w.ranged.balanced()
	return slices.DeleteFunc(w.served(), func(q question) bool { return q.to.Addr() == ranged.like(q.to.Addr()) })
}

// toEmpty are those without an answer as long as there is no endpoint.
func (w world) toEmpty() []question {
	return slices.Concat(
		w.questions("p3", w.empty.clusterIPs(), lab.TCP),
		w.questions("p3", w.empty.balanced(), lab.TCP),
		w.questions("outside", w.empty.balanced(), lab.TCP),
		w.empty.onNode("outside", nodeAddrs[:2], lab.TCP))
}

// served asks each question some times.
func served(t *testing.T, questions []question) {
	t.Helper()
	err := parallel(len(questions), func(i int) error {
		for range 3 {
			if _, err := questions[i].ask(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// refusals is how many of the questions are refused; it is an error if others
// go unanswered.
func refusals(t *testing.T, questions []question) (n int) {
	t.Helper()
	for _, q := range questions {
		_, err := q.ask()
		if errors.Is(err, lab.ErrRefused) {
			n++
		} else if err != nil {
			t.Error(err)
		}
	}
	return n
}
