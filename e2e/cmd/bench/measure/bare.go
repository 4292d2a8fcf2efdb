//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What linux/ip_vs.h says of the messages.
const (
	newService = 1
	newDest    = 5
	service    = 1
	dest       = 2
)

// bare is netlink with nothing around it: 128 messages a send, whose answers
// are counted.
type bare struct {
	generic, route *pipe
	family         uint16 // of IPVS
	link           int    // that gets the addresses
}

// openBare reaches the kernel from the namespace of this thread.
func openBare() (*bare, error) {
	k := &bare{}
	family, err := netlink.GenlFamilyGet("IPVS")
	if err != nil {
		return nil, fmt.Errorf("find IPVS: %w", err)
	}
	k.family = family.ID
	link := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "floor"}}
	if err := netlink.LinkAdd(link); err != nil {
		return nil, fmt.Errorf("make a device: %w", err)
	}
	k.link = link.Index
	if k.generic, err = openPipe(unix.NETLINK_GENERIC); err != nil {
		return nil, err
	}
	k.route, err = openPipe(unix.NETLINK_ROUTE)
	return k, err
}

func (k *bare) close() {
	_ = unix.Close(k.generic.fd)
	_ = unix.Close(k.route.fd)
}

func (k *bare) ipvs(command byte, attributes ...[]byte) []byte {
	return message(k.family, 0, slices.Concat([]byte{command, 1, 0, 0}, slices.Concat(attributes...)))
}

func identity(vip netip.Addr) []byte {
	return slices.Concat(
		attribute(1, u16(unix.AF_INET)), attribute(2, u16(unix.IPPROTO_TCP)),
		attribute(3, wide(vip)), attribute(4, []byte{0, port}))
}

func (k *bare) virtualServer(vip netip.Addr) []byte {
	return k.ipvs(newService, attribute(service, slices.Concat(identity(vip),
		attribute(6, []byte("rr\x00")), attribute(7, slices.Concat(u32(0), u32(0xffffffff))),
		attribute(8, u32(0)), attribute(9, u32(0xffffffff)))))
}

func (k *bare) realServer(vip, behind netip.Addr) []byte {
	const portLow, portHigh = 8080 & 0xff, 8080 >> 8
	return k.ipvs(newDest, attribute(service, identity(vip)), attribute(dest, slices.Concat(
		attribute(1, wide(behind)), attribute(2, []byte{portHigh, portLow}),
		attribute(3, u32(0)), attribute(4, u32(1)), attribute(5, u32(0)), attribute(6, u32(0)))))
}

func (k *bare) address(vip netip.Addr) []byte {
	header := []byte{unix.AF_INET, 32, 0, unix.RT_SCOPE_UNIVERSE}
	return message(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL,
		slices.Concat(header, u32(uint32(k.link)), attribute(unix.IFA_LOCAL, vip.AsSlice()), attribute(unix.IFA_ADDRESS, vip.AsSlice())))
}

// message is a netlink message that wants an answer, still without a number.
func message(kind, flags uint16, body []byte) []byte {
	return slices.Concat(u32(uint32(unix.SizeofNlMsghdr+len(body))), u16(kind), u16(unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags),
		make([]byte, 8), body)
}

func attribute(kind uint16, value []byte) []byte {
	length := 4 + len(value)
	return slices.Concat(u16(uint16(length)), u16(kind), value, make([]byte, (4-length%4)%4))
}

func u16(n uint16) []byte { return binary.NativeEndian.AppendUint16(nil, n) }

func u32(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func wide(a netip.Addr) []byte { return append(a.AsSlice(), make([]byte, 12)...) }

// pipe is a netlink socket.
type pipe struct{ fd int }

const messagesPerSend = 128

func openPipe(protocol int) (*pipe, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	timeout := unix.Timeval{Sec: 10}
	return &pipe{fd}, errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
}

// send sends messages and errs when the kernel refuses one.
func (p *pipe) send(messages [][]byte) error {
	buffer := make([]byte, 64<<10)
	for some := range slices.Chunk(messages, messagesPerSend) {
		if err := unix.Sendto(p.fd, slices.Concat(some...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("send to netlink: %w", err)
		}
		for answered := 0; answered < len(some); {
			n, _, err := unix.Recvfrom(p.fd, buffer, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("receive from netlink: %w", err)
			}
			count, err := acknowledged(buffer[:n])
			if err != nil {
				return err
			}
			answered += count
		}
	}
	return nil
}

// acknowledged counts the answers in a datagram, and errs at one that refuses.
func acknowledged(b []byte) (n int, err error) {
	for len(b) >= unix.SizeofNlMsghdr+4 {
		length := int(binary.NativeEndian.Uint32(b))
		if length < unix.SizeofNlMsghdr+4 || length > len(b) {
			return n, errors.New("receive from netlink: short message")
		}
		if code := int32(binary.NativeEndian.Uint32(b[unix.SizeofNlMsghdr:])); code != 0 {
			return n, fmt.Errorf("the kernel refuses: %w", unix.Errno(-code))
		}
		n++
		b = b[min((length+3)&^3, len(b)):]
	}
	return n, nil
}
