//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The protocols that Services have.
const (
	TCP  = corev1.ProtocolTCP
	UDP  = corev1.ProtocolUDP
	SCTP = corev1.ProtocolSCTP
)

// Protocols are those that this kernel has. The first call loads the sctp
// module, where there is one.
var Protocols = sync.OnceValue(func() []corev1.Protocol {
	protocols := []corev1.Protocol{TCP, UDP}
	if hasSCTP() {
		protocols = append(protocols, SCTP)
	}
	return protocols
})

// Listen opens a stream listener (TCP, SCTP) inside the namespace.
func (n *Namespace) Listen(protocol corev1.Protocol, at netip.AddrPort) (l net.Listener, err error) {
	err = n.Do(func() (err error) {
		if protocol == SCTP {
			l, err = listenSCTP(at)
			return err
		}
		// Plain TCP: multipath TCP would only be another thing to wonder about.
		var c net.ListenConfig
		c.SetMultipathTCP(false)
		l, err = c.Listen(context.Background(), network(protocol, at), at.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s/%s in %s: %w", at, protocol, n.Name, err)
	}
	return l, nil
}

// ListenUDP opens a UDP socket inside the namespace.
func (n *Namespace) ListenUDP(at netip.AddrPort) (c *net.UDPConn, err error) {
	err = n.Do(func() (err error) {
		c, err = net.ListenUDP(network(UDP, at), net.UDPAddrFromAddrPort(at))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s/UDP in %s: %w", at, n.Name, err)
	}
	return c, nil
}

// Dial connects from inside the namespace. A connection that takes longer than
// timeout is ErrTimeout, a closed port ErrRefused.
func (n *Namespace) Dial(protocol corev1.Protocol, to netip.AddrPort, timeout time.Duration) (net.Conn, error) {
	c, err := n.dial(protocol, to, time.Now().Add(timeout))
	if err != nil {
		return nil, fmt.Errorf("dial %s/%s from %s: %w", to, protocol, n.Name, err)
	}
	return c, nil
}

func (n *Namespace) dial(protocol corev1.Protocol, to netip.AddrPort, deadline time.Time) (c net.Conn, err error) {
	err = n.Do(func() (err error) {
		if protocol == SCTP {
			c, err = dialSCTP(to, deadline)
			return err
		}
		d := net.Dialer{Deadline: deadline}
		d.SetMultipathTCP(false)
		c, err = d.Dial(network(protocol, to), to.String())
		return err
	})
	return c, named(err)
}

// network is the net package's word for a protocol and the family of an
// address.
func network(protocol corev1.Protocol, a netip.AddrPort) string {
	family := "6"
	if a.Addr().Is4() {
		family = "4"
	}
	return strings.ToLower(string(protocol)) + family
}
