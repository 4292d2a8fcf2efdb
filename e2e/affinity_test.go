//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// faithful is answered by one and the same Pod.
func faithful(q question) error { return q.answeredByOne() }

// spread is answered by these Pods, though not always by the same.
func spread(pods ...string) func(question) error { return by(pods...) }

// TestAffinityChanges switches affinity on and off while there are connections.
func TestAffinityChanges(t *testing.T) {
	s := shared.space(t)
	web := s.created("web", endpoints{"p1": ready, "p2": ready, "r1": ready})
	var all []question
	for _, from := range []string{"p3", "outside"} {
		all = append(all, s.questions(from, web.clusterIPs(), refusing...)...)
	}
	become(t, all, spread("p1", "p2", "r1"))
	connections := hold(t, all)
	for _, step := range []struct {
		name    string
		to      corev1.ServiceAffinity
		outcome func(question) error
	}{
		{"B125 on", corev1.ServiceAffinityClientIP, faithful},
		{"B125 off", corev1.ServiceAffinityNone, spread("p1", "p2", "r1")},
	} {
		t.Run(step.name, func(t *testing.T) {
			web.edit(func(svc *corev1.Service) { svc.Spec.SessionAffinity = step.to })
			become(t, all, step.outcome)
			for _, c := range connections {
				if a, err := c.Ping(); err != nil || a != c.first {
					t.Errorf("%s: first %s, now %v, %v", c.question, c.first, a, err)
				}
			}
		})
	}
}

// TestAffinityLeavesWithTheEndpoint takes away the endpoint that a client has.
func TestAffinityLeavesWithTheEndpoint(t *testing.T) {
	s := shared.space(t)
	lb := external()
	web := s.created("web", endpoints{"p1": ready}, loadBalancer(lb), sticky)
	var all []question
	for _, from := range three {
		for _, at := range []pair{web.clusterIPs(), lb} {
			all = append(all, s.questions(from, at, refusing...)...)
		}
	}
	become(t, all, by("p1"))
	for _, step := range []struct {
		name    string
		of      endpoints
		outcome func(question) error
	}{
		{"B120 others come: the client stays", endpoints{"p1": ready, "p2": ready, "r1": ready}, by("p1")},
		{"B123 its endpoint is not ready: it gets another", endpoints{"p1": unready, "r1": ready}, by("r1")},
		{"B123 its endpoint terminates: it gets another", endpoints{"r1": terminating, "p2": ready}, by("p2")},
		{"B123 the old one comes back: the client stays", endpoints{"r1": ready, "p2": ready}, by("p2")},
	} {
		t.Run(step.name, func(t *testing.T) {
			web.setEndpoints(step.of)
			for pod, c := range step.of {
				if c.ready {
					s.untilServing(web, pod)
				}
			}
			become(t, all, step.outcome)
		})
	}
}

// untilServing waits until the kernel knows the Pod as an endpoint.
func (s *space) untilServing(svc *service, pod string) {
	s.t.Helper()
	err := lab.Until(within(s.t, patience), func() error {
		table, err := s.Host.IPVS()
		if _, of, _ := strings.Cut(table, svc.clusterIPs().v4.String()+":"); err == nil &&
			!strings.Contains(strings.SplitN(of, "\nTCP", 2)[0], s.client(pod).addrs.v4.String()) {
			err = fmt.Errorf("%s is no endpoint:\n%s", pod, table)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}
