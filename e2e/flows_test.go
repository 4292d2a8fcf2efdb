//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// talk is a datagram client that keeps to its socket, and so to its flow.
type talk struct {
	question
	*lab.Held
}

func talking(t *testing.T, questions []question) (all []talk) {
	t.Helper()
	for _, q := range questions {
		h, err := lab.Hold(q.from.Namespace, q.protocol, q.to, long)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		all = append(all, talk{q, h})
	}
	return all
}

// hears waits until each client is answered by this Pod; by none if it is
// not named. They go on asking all the time.
func hears(t *testing.T, all []talk, pod string) {
	t.Helper()
	for _, c := range all {
		err := lab.Until(within(t, patience), func() error {
			a, err := c.Ping()
			if (err == nil) != (pod != "") || a.Pod != pod {
				return errors.Join(err, fmt.Errorf("%s: %v; want %q", c.question, a, pod))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestFlowsFollowTheService has datagram clients that never let go of their
// sockets while the Service comes, changes and goes.
func TestFlowsFollowTheService(t *testing.T) {
	s := shared.space(t)
	ips := external()
	const onNode = 31999
	fixed := func(svc *corev1.Service) {
		for i := range svc.Spec.Ports {
			if svc.Spec.Ports[i].Protocol == lab.UDP {
				svc.Spec.Ports[i].NodePort = onNode
			}
		}
	}
	future := &service{&corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Protocol: lab.UDP, NodePort: onNode}}}}, s}
	var questions []question
	for _, from := range three {
		questions = append(questions, s.questions(from, ips, lab.UDP)...)
		questions = append(questions, future.onNode(from, nodeAddrs[:2], lab.UDP)...)
	}
	all := talking(t, questions)
	t.Run("before the Service there is no answer", func(t *testing.T) { hears(t, all, "") })
	web := s.created("web", nil, nodePort, externalIPs(ips), fixed)
	clusterIPs := talking(t, s.questions("p3", web.clusterIPs(), lab.UDP))
	t.Run("without endpoints there is no answer", func(t *testing.T) { hears(t, append(all, clusterIPs...), "") })
	all = append(all, clusterIPs...)
	for _, step := range []struct{ name, pod string }{
		{"from no endpoint to one", "p1"},
		{"the endpoint goes, another is there", "r1"},
	} {
		t.Run(step.name, func(t *testing.T) {
			web.setEndpoints(endpoints{step.pod: ready})
			hears(t, all, step.pod)
		})
	}
	t.Run("another endpoint comes: no flow is moved", func(t *testing.T) {
		web.setEndpoints(endpoints{"p1": ready, "r1": ready})
		become(t, s.questions("p3", web.clusterIPs(), lab.UDP), by("p1", "r1"))
		for _, c := range all {
			if a, err := c.Ping(); err != nil || a.Pod != "r1" {
				t.Errorf("%s: %v, %v; want r1", c.question, a, err)
			}
		}
	})
	t.Run("the Service goes and comes again", func(t *testing.T) {
		web.delete()
		gone := web.clusterIPs()
		become(t, s.questions("p3", gone, lab.TCP), refusal)
		hears(t, all, "")
		web = s.created("web", endpoints{"p1": ready}, nodePort, externalIPs(ips), fixed, func(svc *corev1.Service) {
			svc.Spec.ClusterIP, svc.Spec.ClusterIPs = gone.v4.String(), []string{gone.v4.String(), gone.v6.String()}
		})
		hears(t, all, "p1")
	})
}
