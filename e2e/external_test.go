//go:build e2e

package e2e

import (
	"net/netip"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestNodePort(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	for _, from := range three {
		t.Run("answers "+from+" on every address of the node", func(t *testing.T) {
			answered(t, web.onNode(from, nodeAddrs, lab.Protocols()...), theNode, "p1", "r1")
		})
	}
	t.Run("does not answer on a Service address", func(t *testing.T) {
		at := web.clusterIPs()
		var questions []question
		for _, from := range three {
			questions = append(questions, web.onNode(from, []netip.Addr{at.v4, at.v6}, refusing...)...)
		}
		refused(t, questions)
	})
	t.Run("answers soon on an address that the node gets", func(t *testing.T) {
		for i, addr := range laterAddrs {
			address := netip.PrefixFrom(addr, []int{24, 64}[i]).String()
			if _, err := s.Host.Run("ip", "address", "add", address, "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := s.Host.Run("ip", "address", "delete", address, "dev", "eth0"); err != nil {
					t.Error(err)
				}
			})
			begin := time.Now()
			questions := web.onNode("outside", []netip.Addr{addr}, lab.Protocols()...)
			// The sync period is a hundred times as long.
			err := lab.Until(within(t, soon), func() error { _, err := questions[0].ask(); return err })
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s answers after %s", addr, time.Since(begin).Round(time.Millisecond))
			answered(t, questions, theNode, "p1", "r1")
		}
	})
}

func TestExternalAddresses(t *testing.T) {
	s := shared.space(t)
	ips, lb := external(), external()
	s.service("web", endpoints{"p1": ready, "r1": ready}, externalIPs(ips), loadBalancer(lb))
	for _, c := range []struct {
		name string
		at   pair
	}{{"external IPs", ips}, {"load balancer IPs", lb}} {
		for _, from := range three {
			t.Run(c.name+" answer "+from, func(t *testing.T) {
				answered(t, s.questions(from, c.at, lab.Protocols()...), theNode, "p1", "r1")
			})
		}
	}
}

func TestExternalTrafficPolicyLocal(t *testing.T) {
	s := shared.space(t)
	ips, lb := external(), external()
	web := s.service("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, externalIPs(ips), loadBalancer(lb), local)

	ways := []struct {
		name string
		all  []question
	}{
		{"node ports", web.onNode("outside", nodeAddrs, lab.Protocols()...)},
		{"external IPs", s.questions("outside", ips, lab.Protocols()...)},
		{"load balancer IPs", s.questions("outside", lb, lab.Protocols()...)},
	}
	for _, w := range ways {
		t.Run(w.name+": only local endpoints answer, and see the client's address", func(t *testing.T) {
			answered(t, w.all, itself, "p1", "p2")
		})
	}
	t.Run("ClusterIPs are not concerned", func(t *testing.T) {
		answered(t, s.questions("p3", web.clusterIPs(), lab.Protocols()...), itself, "p1", "p2", "r1")
	})
	for name, at := range map[string]pair{"external IPs": ips, "load balancer IPs": lb} {
		t.Run(name+": all endpoints answer a Pod and the node", func(t *testing.T) {
			answered(t, s.questions("p3", at, lab.Protocols()...), itself, "p1", "p2", "r1")
			answered(t, s.questions("node", at, lab.Protocols()...), theNode, "p1", "p2", "r1")
		})
	}
	t.Run("node ports: all endpoints answer a Pod and the node", func(t *testing.T) {
		answered(t, web.onNode("p3", nodeAddrs, lab.Protocols()...), itself, "p1", "p2", "r1")
		answered(t, web.onNode("node", nodeAddrs, lab.Protocols()...), theNode, "p1", "p2", "r1")
	})
	t.Run("without local endpoints there is no answer", func(t *testing.T) {
		web.setEndpoints(endpoints{"r1": ready})
		web.untilOnly("r1")
		for _, w := range ways {
			for _, q := range w.all {
				if a, err := lab.Ask(q.from.Namespace, q.protocol, q.to, long); err == nil {
					t.Errorf("%s: %s, want no answer", q, a)
				}
			}
		}
	})
}
