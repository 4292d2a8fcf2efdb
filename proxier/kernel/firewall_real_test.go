//go:build e2e

package kernel_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// onNode runs commands in the node's namespace.
func (s street) onNode(commands ...string) error {
	return s.Node.Do(func() error {
		for _, c := range commands {
			words := strings.Fields(c)
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", c, err, out)
			}
		}
		return nil
	})
}

// hostFirewall is what ufw makes of filter INPUT: a policy, and answers are let in.
func hostFirewall() (commands []string) {
	for _, program := range []string{"iptables", "ip6tables"} {
		commands = append(commands, program+" -w -P INPUT DROP",
			program+" -w -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", program+" -w -A INPUT -i lo -j ACCEPT")
	}
	return append(commands, "ip6tables -w -A INPUT -p ipv6-icmp -j ACCEPT")
}

// TestServicesAreServedWhereTheHostRefuses has a host whose policy is DROP (K41),
// and what its firewall keeps out all the same: the host's own ports, clients
// whom a Service does not want, everybody if it is told to.
func TestServicesAreServedWhereTheHostRefuses(t *testing.T) {
	s := openStreet(t, rules.IPTables, func(s street) []cluster.Port {
		host := lab.NewServer("host")
		s.Cleanup(func() { _ = host.Close() })
		if err := errors.Join(host.Listen(s.Node.Namespace, lab.TCP, netip.AddrPortFrom(s.Node.IPv4, 7777)), s.onNode(hostFirewall()...)); err != nil {
			t.Fatal(err)
		}
		return []cluster.Port{
			s.service(bothHere, nil, "p1", "r1"), s.service(noneHere, nil, "r1", "r2"), s.service(ranged, func(p *cluster.Port) {
				p.External = cluster.Cluster
				p.SourceRanges.Nets = []netip.Prefix{netip.MustParsePrefix("192.0.2.100/32"), netip.MustParsePrefix("2001:db8:0:2::100/128")}
			}, "p1", "r1"),
		}
	})
	ask := func(t *testing.T, questions ...question) {
		t.Helper()
		for _, q := range questions {
			for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
				if got := s.ask(q, lab.TCP, q.to(f)); got != q.want {
					t.Errorf("%s asks %s %s: %s, want %s", q.client, q.way, q.to(f), got, q.want)
				}
			}
		}
	}
	t.Run("clients of Services are let in", func(t *testing.T) {
		ask(t,
			question{"p2", "cluster", bothHere, "p1 to p2, r1 to p2"}, question{"p2", "lb", bothHere, "p1 to p2, r1 to p2"},
			question{"outside", "lb", bothHere, "p1 to outside"}, question{"outside", "port", bothHere, "p1 to outside"},
			question{"outside", "lb", ranged, "p1 to node, r1 to node"}, question{"outside2", "port", ranged, "p1 to node, r1 to node"},
			question{"node", "cluster", bothHere, "p1 to node, r1 to node"})
	})
	t.Run("nobody else is", func(t *testing.T) {
		ask(t,
			question{"outside", "lb", noneHere, "dropped"}, question{"outside2", "lb", ranged, "dropped"}, question{"p2", "alias", bothHere, "dropped"})
		if a, err := lab.Ask(s.Outside, lab.TCP, netip.AddrPortFrom(s.Node.IPv4, 7777), 300*time.Millisecond); !errors.Is(err, lab.ErrTimeout) {
			t.Errorf("a port of the host: %v, %v", a, err)
		}
	})
	t.Run("a firewall of nftables that refuses behind iptables still does", func(t *testing.T) {
		if err := s.onNode("nft add table inet firewalld",
			"nft add chain inet firewalld filter_INPUT { type filter hook input priority 10 ; }",
			"nft add rule inet firewalld filter_INPUT ct state established,related accept",
			"nft add rule inet firewalld filter_INPUT iifname lo accept",
			"nft add rule inet firewalld filter_INPUT meta l4proto ipv6-icmp accept",
			"nft add rule inet firewalld filter_INPUT drop"); err != nil {
			t.Fatal(err)
		}
		ask(t, question{"outside", "lb", bothHere, "dropped"}, question{"p2", "cluster", bothHere, "dropped"})
		if err := s.onNode("nft delete table inet firewalld"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("the host's rules decide where they are to", func(t *testing.T) {
		if err := s.Node.Do(func() error { return s.prepare(rules.AcceptNever) }); err != nil {
			t.Fatal(err)
		}
		ask(t, question{"outside", "lb", bothHere, "dropped"}, question{"p2", "cluster", bothHere, "dropped"})
	})
	t.Run("without a firewall nothing is accepted before the host's rules", func(t *testing.T) {
		if err := s.onNode("iptables -w -P INPUT ACCEPT", "ip6tables -w -P INPUT ACCEPT",
			"iptables -w -A INPUT -s 192.0.2.101 -j DROP", "ip6tables -w -A INPUT -s 2001:db8:0:2::101 -j DROP"); err != nil {
			t.Fatal(err)
		}
		if err := s.Node.Do(func() error { return s.prepare(rules.AcceptAuto) }); err != nil {
			t.Fatal(err)
		}
		ask(t, question{"outside", "lb", bothHere, "p1 to outside"}, question{"outside2", "lb", bothHere, "dropped"})
	})
}
