//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// The messages of neighbour discovery and their options (RFC 4861).
const (
	neighborSolicitation  = 135
	neighborAdvertisement = 136

	flagSolicited = 0x40

	sourceHardware = 1
	targetHardware = 2

	headerAndTarget = 24 // type, code, checksum, flags, and the address that is asked for
)

// listenICMPv6 opens a socket at the link's own address there. The kernel fills
// in checksums; a hop limit other than 255 would be ignored by all who hear it.
func listenICMPv6(on *net.Interface) (net.PacketConn, error) {
	addrs, err := on.Addrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		ip := a.(*net.IPNet).IP
		if ip.To4() != nil || !ip.IsLinkLocalUnicast() {
			continue
		}
		c, err := net.ListenIP("ip6:ipv6-icmp", &net.IPAddr{IP: ip, Zone: on.Name})
		if err != nil {
			return nil, err
		}
		return c, farthest(c)
	}
	return nil, fmt.Errorf("link %s has no link-local address", on.Name)
}

// farthest gives what c sends to a group the greatest hop limit.
func farthest(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255)
	})
	if err != nil {
		return err
	}
	return failed
}

// solicitedNode is the group in which the owner of addr listens.
func solicitedNode(addr netip.Addr) net.IP {
	a := addr.As16()
	return net.IP{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: a[13], 14: a[14], 15: a[15]}
}

// solicitation asks who has addr, and says where to answer.
func solicitation(addr netip.Addr, from net.HardwareAddr) []byte {
	message := make([]byte, 8, headerAndTarget+8)
	message[0] = neighborSolicitation
	message = append(message, addr.AsSlice()...)
	return append(append(message, sourceHardware, 1), from...)
}

// advertised are the hardware addresses in an answer to a solicitation of addr,
// and none in any other message.
func advertised(message []byte, addr netip.Addr) (all []string) {
	if len(message) < headerAndTarget || message[0] != neighborAdvertisement || message[4]&flagSolicited == 0 {
		return nil
	}
	if target, _ := netip.AddrFromSlice(message[8:headerAndTarget]); target != addr {
		return nil
	}
	// Each option has its size, in units of eight bytes, in its second byte.
	for rest := message[headerAndTarget:]; len(rest) >= 8; {
		size := 8 * int(rest[1])
		if size == 0 || size > len(rest) {
			return nil
		}
		if rest[0] == targetHardware {
			all = append(all, net.HardwareAddr(rest[2:8]).String())
		}
		rest = rest[size:]
	}
	return all
}
