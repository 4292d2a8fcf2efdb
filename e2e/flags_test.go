//go:build e2e

package e2e

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestDaemonOfOtherFlags has a daemon that serves node ports at the primary
// addresses only, leaves addresses of the node to it, and balances by hash of
// address and port.
func TestDaemonOfOtherFlags(t *testing.T) {
	s := shared.space(t)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start("--nodeport-addresses=primary", "--serve-node-addresses=false", "--ipvs-scheduler=mh"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	own := readPair(nodeAddrs[2].String(), nodeAddrs[3].String())
	web := s.created("web", endpoints{"p1": ready, "p2": ready, "r1": ready}, nodePort, externalIPs(own))
	loyal := s.created("loyal", endpoints{"p1": ready, "p2": ready, "r1": ready}, sticky)
	for _, from := range three {
		t.Run("B163 node ports answer "+from+" at the primary addresses", func(t *testing.T) {
			become(t, web.onNode(from, nodeAddrs[:2], lab.TCP), by("p1", "p2", "r1"))
		})
		t.Run("B163 and at no other", func(t *testing.T) { become(t, web.onNode(from, nodeAddrs[2:], lab.TCP), refusal) })
	}
	t.Run("B155 an address of the node is left to it", func(t *testing.T) { become(t, s.questions("outside", own, lab.TCP), refusal) })
	t.Run("B124 the scheduler spreads the connections of one client", func(t *testing.T) {
		become(t, s.questions("p3", web.clusterIPs(), refusing...), by("p1", "p2", "r1"))
	})
	t.Run("B124 affinity goes before the scheduler", func(t *testing.T) {
		become(t, s.questions("p3", loyal.clusterIPs(), refusing...), faithful)
	})
}

// TestAddressesComeAndGo has devices of the node gain and lose what Services
// have for their own.
func TestAddressesComeAndGo(t *testing.T) {
	s := shared.space(t)
	ips := external()
	s.service("web", endpoints{"p1": ready}, externalIPs(ips))
	all := s.questions("outside", ips, lab.TCP)
	become(t, all, by("p1"))
	move := func(verb string) {
		for _, f := range families {
			whole := netip.PrefixFrom(ips.of(f), ips.of(f).BitLen()).String()
			if _, err := s.Host.Run("ip", "address", verb, whole, "dev", "eth0"); err != nil {
				t.Fatal(err)
			}
		}
	}
	connections := hold(t, all)
	for _, step := range []struct {
		verb, name string
		bound      bool
	}{
		{"add", "a device gains the address: it is not on ours, and is served", false},
		{"delete", "a device loses the address: it is on ours again", true},
	} {
		move(step.verb)
		t.Run("B151 "+step.name, func(t *testing.T) {
			s.bound(ips.v4, step.bound)
			s.bound(ips.v6, step.bound)
			become(t, all, by("p1"))
		})
		t.Run("K47 connections live", func(t *testing.T) {
			for _, h := range connections {
				if a, err := h.Ping(); err != nil || a != h.first {
					t.Errorf("%s: first %s, now %v, %v", h.question, h.first, a, err)
				}
			}
		})
	}
}

// TestAddressesOfOthers has Services that ask for what is not theirs.
func TestAddressesOfOthers(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	of := web.clusterIPs()
	const elsewhere = 81
	s.created("thief", endpoints{"p2": ready}, externalIPs(of))
	other := s.created("other", endpoints{"p2": ready}, externalIPs(of), func(svc *corev1.Service) {
		for i := range svc.Spec.Ports {
			svc.Spec.Ports[i].Port = elsewhere
		}
	})
	var theirs []question
	for _, q := range s.questions("p3", of, lab.TCP) {
		q.to = netip.AddrPortFrom(q.to.Addr(), elsewhere)
		theirs = append(theirs, q)
	}
	var own []question
	for _, q := range s.questions("p3", other.clusterIPs(), lab.TCP) {
		q.to = netip.AddrPortFrom(q.to.Addr(), elsewhere)
		own = append(own, q)
	}
	become(t, own, by("p2"))
	t.Run("B156 a cluster address stays with its Service", func(t *testing.T) {
		for _, from := range three {
			become(t, s.questions(from, of, lab.TCP), by("p1"))
		}
	})
	t.Run("B156 on other ports too", func(t *testing.T) { become(t, theirs, refusal) })
}

// TestProcessesOfTheNode have the ports of Services, or a host that drops.
func TestProcessesOfTheNode(t *testing.T) {
	s := shared.space(t)
	const number = 31998
	host := lab.NewServer("host")
	t.Cleanup(func() { _ = host.Close() })
	for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		for _, p := range refusing {
			if err := host.Listen(s.Host, p, netip.AddrPortFrom(a, number)); err != nil {
				t.Fatal(err)
			}
		}
	}
	web := s.created("web", endpoints{"p1": ready}, nodePort, func(svc *corev1.Service) {
		for i := range svc.Spec.Ports {
			if svc.Spec.Ports[i].Protocol != lab.SCTP {
				svc.Spec.Ports[i].NodePort = number
			}
		}
	})
	var all []question
	for _, from := range three {
		all = append(all, web.onNode(from, nodeAddrs[:2], refusing...)...)
	}
	t.Run("B78 a node port goes before a process on the same port", func(t *testing.T) { become(t, all, by("p1")) })
	t.Run("B79 a host that drops what is new has to let node ports in", func(t *testing.T) {
		rule := func(verb string) {
			for _, tool := range []string{"iptables", "ip6tables"} {
				if _, err := s.Host.Run(tool, verb, "INPUT", "-i", "eth0", "-p", "tcp", "-m", "conntrack", "--ctstate", "NEW", "-j", "DROP"); err != nil {
					t.Fatal(err)
				}
			}
		}
		rule("-A")
		defer rule("-D")
		become(t, web.onNode("outside", nodeAddrs[:2], lab.TCP), silence)
	})
	t.Run("B78 without the Service the process has its port again", func(t *testing.T) {
		tcp := web.onNode("outside", nodeAddrs[:2], lab.TCP)
		web.delete()
		become(t, tcp, by("host"))
	})
}
