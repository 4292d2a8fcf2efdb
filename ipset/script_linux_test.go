package ipset

import (
	"encoding/binary"
	"slices"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// step is what one Receive returns.
type step struct {
	after    time.Duration
	err      error
	from     uint32
	messages []syscall.NetlinkMessage
}

// script is a kernel that answers each request with the next of its answers,
// and keeps silent when it has none left.
type script struct {
	answers [][]step
	asked   int // requests
	dialled int
	closed  int
	dialErr error
	sendErr error

	seq     uint32
	pending []step
}

func (s *script) dial() (socket, error) {
	s.dialled++
	s.pending = nil
	return s, s.dialErr
}

func (s *script) Send(r *nl.NetlinkRequest) error {
	s.asked++
	s.seq = r.Seq
	if len(s.answers) > 0 {
		s.pending = append(s.pending, s.answers[0]...)
		s.answers = s.answers[1:]
	}
	return s.sendErr
}

func (s *script) Receive() ([]syscall.NetlinkMessage, *unix.SockaddrNetlink, error) {
	if len(s.pending) == 0 {
		time.Sleep(patience)
		return nil, nil, unix.EAGAIN
	}
	now := s.pending[0]
	s.pending = s.pending[1:]
	time.Sleep(now.after)
	messages := slices.Clone(now.messages)
	for i := range messages {
		messages[i].Header.Seq += s.seq
	}
	return messages, &unix.SockaddrNetlink{Pid: now.from}, now.err
}

func (s *script) Close() { s.closed++ }

// says is one message with the sequence number of the request.
func says(typ uint16, data ...byte) step {
	return step{messages: []syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Type: typ}, Data: data}}}
}

func ack() step  { return refuses(0, 0) }
func done() step { return says(unix.NLMSG_DONE, 0, 0, 0, 0) }

// refuses ends an answer; the copy of the request names a line.
func refuses(code unix.Errno, line uint32) step {
	b := binary.NativeEndian.AppendUint32(nil, uint32(-int32(code)))
	b = append(b, make([]byte, unix.SizeofNlMsghdr)...)
	return says(unix.NLMSG_ERROR, append(b, appendLine(about("A"), line)...)...)
}

func late(s step) step {
	s.after = patience - 1
	return s
}

func tells(msg []byte) step { return says(unix.NFNL_SUBSYS_IPSET<<8|nl.IPSET_CMD_LIST, msg...) }

func foreign(s step) step {
	s.messages[0].Header.Seq = 7
	return s
}

func interrupted(s step) step {
	s.messages[0].Header.Flags |= unix.NLM_F_DUMP_INTR
	return s
}

func sent(from uint32, s step) step {
	s.from = from
	return s
}
