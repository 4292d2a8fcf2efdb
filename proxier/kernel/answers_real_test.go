//go:build e2e

package kernel_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// flow is a connection of a process of the node from a port that is chosen.
type flow struct {
	name string
	net.Conn
}

// ask sends one line and wants it answered in this time.
func (f flow) ask(within time.Duration) error {
	if err := f.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, "hello"); err != nil {
		return err
	}
	line, err := bufio.NewReader(f).ReadString('\n')
	if err == nil && !strings.Contains(line, "hello") {
		err = fmt.Errorf("answered %q", line)
	}
	return err
}

// from opens a connection from the namespace's own address and this port.
func (s street) from(n *lab.Namespace, own netip.AddrPort, protocol v1.Protocol, to netip.AddrPort) (f flow, err error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if protocol == lab.TCP {
		d.LocalAddr = net.TCPAddrFromAddrPort(own)
	} else {
		d.LocalAddr = net.UDPAddrFromAddrPort(own)
	}
	// The port may be that of another connection of the same client, to elsewhere.
	d.Control = func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		return errors.Join(err, failed)
	}
	f.name = fmt.Sprintf("%s from %s to %s", protocol, own, to)
	err = n.Do(func() (err error) {
		f.Conn, err = d.DialContext(context.Background(), strings.ToLower(string(protocol)), to.String())
		return err
	})
	if err == nil {
		s.Cleanup(func() { _ = f.Close() })
	}
	return f, err
}

// fromNode does so on the node.
func (s street) fromNode(port uint16, protocol v1.Protocol, to netip.AddrPort) (flow, error) {
	own := s.Node.IPv4
	if to.Addr().Is6() {
		own = s.Node.IPv6
	}
	return s.from(s.Node.Namespace, netip.AddrPortFrom(own, port), protocol, to)
}

// servers are where processes of the node go: into the world, to a Pod, to
// another process of the node.
func (s street) servers() (all []netip.AddrPort) {
	world := lab.NewServer("world")
	s.Cleanup(func() { _ = world.Close() })
	at := func(n *lab.Namespace, addrs ...netip.Addr) {
		for _, a := range addrs {
			to := netip.AddrPortFrom(a, 9000)
			for _, protocol := range []v1.Protocol{lab.TCP, lab.UDP} {
				if err := world.Listen(n, protocol, to); err != nil {
					s.Fatal(err)
				}
			}
			all = append(all, to)
		}
	}
	at(s.Outside, numbered("192.0.2.", 100), numbered("2001:db8:0:2::", 100))
	at(s.Pod("p2").Namespace, s.Pod("p2").IPv4, s.Pod("p2").IPv6)
	at(s.Node.Namespace, s.Node.IPv4, s.Node.IPv6)
	return all
}

// TestTheNodeGetsItsAnswersOnPortsOfServices has processes of the node whose
// own port is a node port: connections older and younger than the Service.
// Without the mark of answers IPVS gives them to an endpoint.
func TestTheNodeGetsItsAnswersOnPortsOfServices(t *testing.T) {
	const older, younger, localOnly, moved = 101, 102, 103, 104
	var flows []flow
	var to []netip.AddrPort
	both := []v1.Protocol{lab.TCP, lab.UDP}
	s := openStreet(t, rules.IPTables, func(s street) (ports []cluster.Port) {
		to = s.servers()
		for _, protocol := range both {
			for _, at := range to {
				f, err := s.fromNode(30000+older, protocol, at)
				if err == nil {
					err = f.ask(10 * time.Second)
				}
				if err != nil {
					t.Fatalf("before there is any Service: %v", err)
				}
				flows = append(flows, f)
			}
		}
		everywhere := func(p *cluster.Port) { p.External = cluster.Cluster }
		return []cluster.Port{
			s.service(older, everywhere, "p1", "r1"), s.service(younger, everywhere, "p1", "r1"),
			s.service(localOnly, nil, "p1", "r1"), s.service(moved, everywhere, "p1", "r1"),
		}
	})
	for _, port := range []uint16{30000 + younger, 30000 + localOnly} {
		for _, protocol := range both {
			for _, at := range to {
				f, err := s.fromNode(port, protocol, at)
				if err != nil {
					t.Error(err)
					continue
				}
				flows = append(flows, f)
			}
		}
	}
	for _, f := range flows {
		if err := f.ask(10 * time.Second); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	t.Run("the Services are served all the same", func(t *testing.T) {
		for _, q := range []question{
			{"outside2", "port", younger, "p1 to node, r1 to node"},
			{"p2", "port", older, "p1 to node, r1 to node"},
			{"node", "port", younger, "p1 to node, r1 to node"},
			{"node", "cluster", older, "p1 to node, r1 to node"},
		} {
			for _, protocol := range both {
				for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
					if got := s.ask(q, protocol, q.to(f)); got != q.want {
						t.Errorf("%s asks %s %s/%s: %s, want %s", q.client, q.way, q.to(f), protocol, got, q.want)
					}
				}
			}
		}
	})
	t.Run("masquerading takes a node port", func(t *testing.T) {
		var rules []string
		for program, own := range map[string]string{"iptables": s.Node.IPv4.String(), "ip6tables": "[" + s.Node.IPv6.String() + "]"} {
			for _, protocol := range []string{"tcp", "udp"} {
				rules = append(rules, fmt.Sprintf("%s -w -t nat -I POSTROUTING 1 -p %s --dport %d -j SNAT --to-source %s:%d",
					program, protocol, lab.Port, own, 30000+moved))
			}
		}
		err := s.onNode(rules...)
		if err != nil {
			t.Fatal(err)
		}
		for _, protocol := range both {
			for _, at := range []netip.Addr{numbered("10.96.0.", moved), numbered("fd00:10:96::", moved)} {
				if answer, err := lab.Ask(s.Node.Namespace, protocol, netip.AddrPortFrom(at, 80), 10*time.Second); err != nil {
					t.Errorf("%s/%s: %v, %v", at, protocol, answer, err)
				}
			}
		}
	})
}
