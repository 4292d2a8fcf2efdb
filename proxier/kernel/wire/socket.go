package wire

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Timeout is how long the kernel may be silent. It answers within the call that
// sends the request, so silence means that the answer is lost.
const Timeout = 5 * time.Second

const (
	receiveBuffer = 1 << 20
	receiptSize   = 64 << 10 // twice what the kernel puts into one, and more than any request that it sends back
)

// Socket is what a Conn needs of a netlink socket.
type Socket interface {
	Send(batch []byte) error
	// Receive reads one receipt. What n is more than the buffer holds has been cut
	// off. From is who has sent it; zero is the kernel.
	Receive(buffer []byte) (n int, from uint32, err error)
	Close() error
}

// Option changes how a socket works.
type Option int

// EchoRequests has the kernel send back the request with each error, which some
// of them write the reason into.
const EchoRequests Option = 1

type socket struct{ fd int }

// Open opens a netlink socket in the network namespace of this thread.
func Open(protocol int, options ...Option) (Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket of protocol %d: %w", protocol, err)
	}
	echo := false
	for _, o := range options {
		echo = echo || o == EchoRequests
	}
	if err := setUp(fd, echo); err != nil {
		_ = unix.Close(fd) // the first error is the one to tell
		return nil, fmt.Errorf("set up netlink socket of protocol %d: %w", protocol, err)
	}
	return socket{fd}, nil
}

func setUp(fd int, echo bool) error {
	timeout := unix.NsecToTimeval(Timeout.Nanoseconds())
	err := errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
	)
	if !echo {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1))
	}
	// What a request asks for is then all that is listed: of routes, those of one
	// table. Kernels before 4.20 do not know it.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	// Only with CAP_NET_ADMIN over the initial user namespace; the default is
	// enough for one send.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	return err
}

func (s socket) Send(batch []byte) error {
	for {
		err := unix.Sendto(s.fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (s socket) Receive(buffer []byte) (n int, from uint32, err error) {
	// With this flag n is what there was, more than the buffer if it was cut off.
	n, sender, err := unix.Recvfrom(s.fd, buffer, unix.MSG_TRUNC)
	if netlink, ok := sender.(*unix.SockaddrNetlink); ok {
		from = netlink.Pid
	}
	return n, from, err
}

func (s socket) Close() error { return unix.Close(s.fd) }
