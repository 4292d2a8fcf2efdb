//go:build e2e

package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// Service addresses are addresses of the host, as far as Linux is concerned.
func TestServiceAddressesHideTheHost(t *testing.T) {
	s := shared.space(t)
	ips, lb := external(), external()
	web := s.service("web", endpoints{"p1": ready}, externalIPs(ips), loadBalancer(lb))
	everywhere := []pair{web.clusterIPs(), ips, lb}

	const hostPort = 7777
	host := lab.NewServer("host")
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, any := range []string{"0.0.0.0", "::"} {
		for _, p := range refusing {
			if err := host.Listen(s.Host, p, netip.AddrPortFrom(netip.MustParseAddr(any), hostPort)); err != nil {
				t.Fatal(err)
			}
		}
	}
	onHostPort := func(from string, at pair, protocols ...corev1.Protocol) (all []question) {
		for _, q := range s.questions(from, at, protocols...) {
			q.to = netip.AddrPortFrom(q.to.Addr(), hostPort)
			all = append(all, q)
		}
		return all
	}
	t.Run("a port of the host answers on the node's addresses", func(t *testing.T) {
		for _, from := range three {
			for _, q := range onHostPort(from, s.client("node").addrs, lab.TCP) {
				if a, err := q.ask(); err != nil || a.Pod != "host" {
					t.Errorf("%s: %v, %v; want the host", q, a, err)
				}
			}
		}
	})
	t.Run("a port of the host is refused on Service addresses", func(t *testing.T) {
		var hidden []question
		for _, from := range three {
			for _, at := range everywhere {
				hidden = append(hidden, onHostPort(from, at, refusing...)...)
			}
		}
		refused(t, hidden)
	})
	for _, from := range three {
		t.Run("Service addresses answer the ping of "+from, func(t *testing.T) {
			for _, at := range everywhere {
				for _, f := range families {
					if err := ping(s.client(from).Namespace, at.of(f)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// echo is the ICMP of one family.
type echo struct {
	network        string
	request, reply byte
}

// ping sends one echo request and waits for its reply.
func ping(from *lab.Namespace, to netip.Addr) error {
	e := echo{"ip4:icmp", 8, 0}
	if to.Is6() {
		e = echo{"ip6:ipv6-icmp", 128, 129}
	}
	if err := e.ping(from, to); err != nil {
		return fmt.Errorf("ping %s from %s: %w", to, from.Name, err)
	}
	return nil
}

func (e echo) ping(from *lab.Namespace, to netip.Addr) error {
	var conn net.PacketConn
	err := from.Do(func() (err error) {
		conn, err = net.ListenPacket(e.network, "")
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	text := "kube-ipvs " + to.String()
	if _, err := conn.WriteTo(e.message(text), &net.IPAddr{IP: to.AsSlice()}); err != nil {
		return err
	}
	answer := make([]byte, 1500)
	for {
		n, sender, err := conn.ReadFrom(answer)
		if err != nil {
			return err
		}
		if n < 8 || answer[0] != e.reply || string(answer[8:n]) != text {
			continue // another program's, or our own request
		}
		if sender.String() != to.String() {
			return errors.New("answered by " + sender.String())
		}
		return nil
	}
}

// message is an echo request. The checksum of ICMPv6 is the kernel's business.
func (e echo) message(text string) []byte {
	m := append([]byte{e.request, 0, 0, 0, 0, 1, 0, 1}, text...)
	if e.reply != 0 {
		return m
	}
	sum := uint32(0)
	for i := range m {
		sum += uint32(m[i]) << (8 * (1 - i%2))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(m[2:], ^uint16(sum))
	return m
}
