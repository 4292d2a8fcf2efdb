//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestLargePackets sends more than a link carries at once, to an endpoint here
// and to one on another node, and through a link that carries less (K45).
func TestLargePackets(t *testing.T) {
	s := shared.space(t)
	ips := external()
	here, there := s.service("here", endpoints{"p1": ready}, externalIPs(ips)), s.service("there", endpoints{"r1": ready})
	ways := func(protocol corev1.Protocol) (all []question) {
		for _, from := range three {
			for _, at := range []pair{here.clusterIPs(), ips, there.clusterIPs()} {
				all = append(all, s.questions(from, at, protocol)...)
			}
		}
		return all
	}
	datagrams := func(t *testing.T, sizes ...int) {
		for _, q := range ways(lab.UDP) {
			for _, size := range sizes {
				err := lab.Echo(q.from.Namespace, lab.UDP, q.to, size, soon)
				switch limited := q.from.Name == "node" && q.to.Addr().Is6(); {
				case limited && !errors.Is(err, syscall.EMSGSIZE):
					t.Errorf("%s with %d bytes: %v; IPVS would not divide it so far", q, size, err)
				case !limited && err != nil:
					t.Error(err)
				}
			}
		}
	}
	t.Run("datagrams, but for those of the node over IPv6", func(t *testing.T) { datagrams(t, 1900, 8000) })
	t.Run("streams", func(t *testing.T) { streams(t, ways(lab.TCP)) })

	r1 := s.Pod("r1")
	narrow := func(mtu string) {
		for _, ip := range []string{
			fmt.Sprintf("ip -4 route change %s dev vethr1 src %s %s", r1.IPv4, s.Node2.IPv4, mtu),
			fmt.Sprintf("ip -6 route change %s dev vethr1 src %s %s", r1.IPv6, s.Node2.IPv6, mtu),
			"ip -4 route flush cache; ip -6 route flush cache",
		} {
			if out, err := s.Node2.Run("sh", "-c", ip); err != nil {
				t.Fatalf("%s: %v: %s", ip, err, out)
			}
		}
	}
	narrow("mtu 1400")
	t.Cleanup(func() { narrow("") })
	t.Run("streams through a link of 1400", func(t *testing.T) { streams(t, ways(lab.TCP)) })
	t.Run("datagrams of the node through it", func(t *testing.T) {
		for _, q := range s.questions("node", there.clusterIPs(), lab.UDP)[:1] {
			for _, size := range []int{1450, 1900, 8000} {
				if err := lab.Echo(q.from.Namespace, lab.UDP, q.to, size, soon); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

func streams(t *testing.T, ways []question) {
	t.Helper()
	for _, q := range ways {
		if err := lab.Echo(q.from.Namespace, lab.TCP, q.to, 300_000, patience); err != nil {
			t.Error(err)
		}
	}
}
