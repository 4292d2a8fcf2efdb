package ipset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// patience is how long the kernel may be silent. It answers within the call
// that sends the request, so silence means that the answer is lost.
const patience = 5 * time.Second

var (
	// errNoAnswer: the request may or may not have been carried out.
	errNoAnswer = errors.New("no answer from the kernel")
	// errInterrupted: what was listed has changed on the way.
	errInterrupted = errors.New("listing was interrupted")
)

// socket is what is used of nl.NetlinkSocket.
type socket interface {
	Send(*nl.NetlinkRequest) error
	Receive() ([]syscall.NetlinkMessage, *unix.SockaddrNetlink, error)
	Close()
}

func dial() (socket, error) {
	s, err := nl.Subscribe(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	return s, errors.Join(s.SetSendTimeout(&limit), s.SetReceiveTimeout(&limit))
}

// ask sends one request and hands the messages of its answer to take. A
// *refusal is the kernel's own error; after any other the socket may hold the
// rest of an answer, or a dump that would keep the next one from starting, and
// is given up.
func (c *Client) ask(command int, body []byte, take func(msg []byte) error) error {
	if c.socket == nil {
		s, err := c.dial()
		if err != nil {
			return fmt.Errorf("open netlink socket: %w", err)
		}
		c.socket = s
	}
	request := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_IPSET<<8|command, unix.NLM_F_ACK|nl.GetIpsetFlags(command))
	request.AddRawData(body)
	err := c.socket.Send(request)
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoAnswer, err)
	} else {
		err = c.hear(request.Seq, take)
	}
	if _, refused := errors.AsType[*refusal](err); err != nil && !refused {
		c.socket.Close()
		c.socket = nil
	}
	return err
}

// unexpected is for requests that are answered by a verdict alone.
func unexpected(msg []byte) error {
	return fmt.Errorf("%w: %d bytes too many", errMalformed, len(msg))
}

// hear reads until the kernel says that the answer is complete. Messages of
// other senders and answers to other requests are skipped, and do not prolong
// the wait.
func (c *Client) hear(seq uint32, take func(msg []byte) error) error {
	interrupted := false
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		messages, from, err := c.socket.Receive()
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		if from.Pid != nl.PidKernel {
			continue
		}
		for _, m := range messages {
			if m.Header.Seq != seq {
				continue
			}
			deadline = time.Now().Add(patience)
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			switch m.Header.Type {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				if err := verdict(m); err != nil || !interrupted {
					return err
				}
				return errInterrupted
			}
			if err := take(m.Data); err != nil {
				return err
			}
		}
	}
	return errNoAnswer
}

// verdict reads the message that ends an answer: an error number and, for an
// error, a copy of the request.
func verdict(m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return fmt.Errorf("%w: last message has %d bytes", errMalformed, len(m.Data))
	}
	code := -int32(binary.NativeEndian.Uint32(m.Data))
	if code == 0 {
		return nil
	}
	r := &refusal{code: unix.Errno(code)}
	if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4+unix.SizeofNlMsghdr {
		r.line = parseLine(m.Data[4+unix.SizeofNlMsghdr:])
	}
	return r
}
