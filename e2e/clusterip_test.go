//go:build e2e

package e2e

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

func TestClusterIP(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "p2": ready, "r1": ready})
	for _, c := range []struct {
		name, from string
		seen       source
	}{
		{"local and remote endpoints answer a Pod and see its address", "p3", itself},
		{"they answer a process of the node and see the node", "node", theNode},
		{"they answer a client outside, which is masqueraded", "outside", theNode},
	} {
		t.Run(c.name, func(t *testing.T) {
			answered(t, s.questions(c.from, web.clusterIPs(), lab.Protocols()...), c.seen, "p1", "p2", "r1")
		})
	}
}

// A Pod that saw its own address as the client would answer itself directly,
// and the client would not know that answer for one.
func TestPodReachesItself(t *testing.T) {
	s := shared.space(t)
	ips := external()
	web := s.service("web", endpoints{"p1": ready}, externalIPs(ips))
	for name, at := range map[string]pair{"through its ClusterIP": web.clusterIPs(), "through its external IP": ips} {
		t.Run(name, func(t *testing.T) {
			answered(t, s.questions("p1", at, lab.Protocols()...), theNode, "p1")
		})
	}
}

func TestForwardPolicyDrop(t *testing.T) {
	s := shared.space(t)
	policy := func(to string) {
		for _, tool := range []string{"iptables", "ip6tables"} {
			if _, err := s.Host.Run(tool, "-P", "FORWARD", to); err != nil {
				t.Error(err)
			}
		}
	}
	policy("DROP")
	t.Cleanup(func() { policy("ACCEPT") })

	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	for _, from := range three {
		seen := theNode
		if from == "p3" {
			seen = itself
		}
		t.Run("Services answer "+from, func(t *testing.T) {
			answered(t, s.questions(from, web.clusterIPs(), lab.Protocols()...), seen, "p1", "r1")
			answered(t, web.onNode(from, nodeAddrs, lab.Protocols()...), theNode, "p1", "r1")
		})
	}
	t.Run("and nothing else is forwarded", func(t *testing.T) {
		for _, f := range families {
			to := netip.AddrPortFrom(s.client("r1").addrs.of(f), lab.Port)
			if a, err := lab.Ask(s.Pod("p3").Namespace, lab.TCP, to, long); !errors.Is(err, lab.ErrTimeout) {
				t.Errorf("p3 asks r1 without a Service: %v, %v; want %v", a, err, lab.ErrTimeout)
			}
		}
	})
}
