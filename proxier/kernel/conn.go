package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of one send. The answers to all messages of a send wait in the
// socket's receive buffer, and the kernel drops what does not fit.
const (
	messagesPerSend = 128
	bytesPerSend    = 32 << 10
	receiveBuffer   = 1 << 20
	answerTimeout   = 5 * time.Second
)

// conn is a netlink socket that sends many requests in one system call and
// matches the answers by sequence number: on Linux 6.1 a real server costs a
// third of the time of a call of its own.
type conn struct {
	protocol int
	fd       int
	seq      uint32
}

// request is one netlink message without its length and sequence number.
type request struct {
	kind  uint16 // of message, or the generic netlink family
	flags uint16 // beside NLM_F_REQUEST and NLM_F_ACK
	body  []byte
}

// dial opens a netlink socket in the network namespace of this thread.
func dial(protocol int) (*conn, error) {
	c := &conn{protocol: protocol, fd: -1}
	if err := c.open(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *conn) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, c.protocol)
	if err != nil {
		return fmt.Errorf("open netlink socket of protocol %d: %w", c.protocol, err)
	}
	timeout := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
	)
	if err != nil {
		_ = unix.Close(fd) // the first error is the one to tell
		return fmt.Errorf("set up netlink socket of protocol %d: %w", c.protocol, err)
	}
	// Only with CAP_NET_ADMIN over the initial user namespace; the default is
	// enough for one send.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer)
	c.fd = fd
	return nil
}

func (c *conn) close() error {
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// do carries out the requests in order and answers each with nil or an errno.
// When answers are lost, the requests concerned have ErrNoAnswer and the
// socket is opened anew, so that a late answer can never be taken for another.
func (c *conn) do(requests []request) []error {
	errs := make([]error, len(requests))
	for first := 0; first < len(requests); {
		batch, size := c.pack(requests[first:])
		c.exchange(batch, errs[first:first+size])
		first += size
	}
	return errs
}

// pack serialises as many of the requests as one send may hold.
func (c *conn) pack(requests []request) (batch []byte, size int) {
	for _, r := range requests {
		length := unix.SizeofNlMsghdr + len(r.body)
		if size > 0 && (size == messagesPerSend || len(batch)+length > bytesPerSend) {
			break
		}
		c.seq++
		batch = binary.NativeEndian.AppendUint32(batch, uint32(length))
		batch = binary.NativeEndian.AppendUint16(batch, r.kind)
		batch = binary.NativeEndian.AppendUint16(batch, unix.NLM_F_REQUEST|unix.NLM_F_ACK|r.flags)
		batch = binary.NativeEndian.AppendUint32(batch, c.seq)
		batch = binary.NativeEndian.AppendUint32(batch, 0)
		batch = append(batch, r.body...)
		batch = append(batch, make([]byte, align4(length)-length)...)
		size++
	}
	return batch, size
}

// exchange sends one batch, whose last message has c.seq, and fills errs.
func (c *conn) exchange(batch []byte, errs []error) {
	first := c.seq - uint32(len(errs)) + 1
	open := make(map[uint32]int, len(errs))
	for i := range errs {
		open[first+uint32(i)] = i
	}
	err := c.send(batch)
	buffer := make([]byte, 64<<10)
	for err == nil && len(open) > 0 {
		var n int
		if n, _, err = unix.Recvfrom(c.fd, buffer, 0); errors.Is(err, unix.EINTR) {
			err = nil
			continue
		}
		if err == nil {
			err = answers(buffer[:n], func(seq uint32, answer error) {
				if i, waiting := open[seq]; waiting {
					errs[i] = answer
					delete(open, seq)
				}
			})
		}
	}
	if err == nil {
		return
	}
	for _, i := range open {
		errs[i] = fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	c.reopen()
}

func (c *conn) send(batch []byte) error {
	if c.fd < 0 {
		if err := c.open(); err != nil {
			return err
		}
	}
	for {
		err := unix.Sendto(c.fd, batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (c *conn) reopen() {
	if c.fd >= 0 {
		_ = unix.Close(c.fd) // it is given up in any case
	}
	c.fd = -1
	_ = c.open() // the next send tries again and reports
}

var errShort = errors.New("short netlink message")

// answers calls each with the sequence number and the verdict of every
// acknowledgement in buffer.
func answers(buffer []byte, each func(seq uint32, verdict error)) error {
	for len(buffer) > 0 {
		if len(buffer) < unix.SizeofNlMsghdr {
			return errShort
		}
		length := int(binary.NativeEndian.Uint32(buffer))
		if length < unix.SizeofNlMsghdr || length > len(buffer) {
			return errShort
		}
		kind, seq := binary.NativeEndian.Uint16(buffer[4:]), binary.NativeEndian.Uint32(buffer[8:])
		if kind == unix.NLMSG_ERROR {
			if length < unix.SizeofNlMsghdr+4 {
				return errShort
			}
			var verdict error
			if errno := -int32(binary.NativeEndian.Uint32(buffer[unix.SizeofNlMsghdr:])); errno != 0 {
				verdict = unix.Errno(errno)
			}
			each(seq, verdict)
		}
		buffer = buffer[min(align4(length), len(buffer)):]
	}
	return nil
}

func align4(n int) int { return (n + 3) &^ 3 }

// attribute appends one netlink attribute to b.
func attribute(b []byte, kind uint16, value []byte) []byte {
	length := 4 + len(value)
	b = binary.NativeEndian.AppendUint16(b, uint16(length))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align4(length)-length)...)
}

func attribute16(b []byte, kind, value uint16) []byte {
	return attribute(b, kind, binary.NativeEndian.AppendUint16(nil, value))
}

func attribute32(b []byte, kind uint16, value uint32) []byte {
	return attribute(b, kind, binary.NativeEndian.AppendUint32(nil, value))
}
