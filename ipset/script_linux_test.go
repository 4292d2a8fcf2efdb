package ipset

import (
	"encoding/binary"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// step is what one Receive returns.
type step struct {
	after    time.Duration
	err      error
	from     uint32
	messages []message
}

type message struct {
	kind, flags uint16
	seq         uint32 // after that of the request
	body        []byte
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

func (s *script) dial() (wire.Socket, error) {
	s.dialled++
	s.pending = nil
	return s, s.dialErr
}

func (s *script) client() *Client { return &Client{conn: wire.Over(s.dial)} }

func (s *script) Send(batch []byte) error {
	s.asked++
	s.seq = binary.NativeEndian.Uint32(batch[8:])
	if len(s.answers) > 0 {
		s.pending = append(s.pending, s.answers[0]...)
		s.answers = s.answers[1:]
	}
	return s.sendErr
}

func (s *script) Receive(buffer []byte) (n int, from uint32, err error) {
	if len(s.pending) == 0 {
		time.Sleep(wire.Timeout)
		return 0, 0, unix.EAGAIN
	}
	now := s.pending[0]
	s.pending = s.pending[1:]
	time.Sleep(now.after)
	var b []byte
	for _, m := range now.messages {
		b = binary.NativeEndian.AppendUint32(b, uint32(unix.SizeofNlMsghdr+len(m.body)))
		b = binary.NativeEndian.AppendUint16(b, m.kind)
		b = binary.NativeEndian.AppendUint16(b, m.flags)
		b = binary.NativeEndian.AppendUint32(b, s.seq+m.seq)
		b = append(append(b, 0, 0, 0, 0), m.body...)
		b = append(b, make([]byte, wire.Align(len(b))-len(b))...)
	}
	return copy(buffer, b), now.from, now.err
}

func (s *script) Close() error {
	s.closed++
	return nil
}

// says is one message with the sequence number of the request.
func says(typ uint16, data ...byte) step {
	return step{messages: []message{{kind: typ, body: data}}}
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
	s.after = wire.Timeout - 1
	return s
}

func tells(msg []byte) step { return says(unix.NFNL_SUBSYS_IPSET<<8|nl.IPSET_CMD_LIST, msg...) }

func foreign(s step) step {
	s.messages[0].seq = 7
	return s
}

func interrupted(s step) step {
	s.messages[0].flags |= unix.NLM_F_DUMP_INTR
	return s
}

func sent(from uint32, s step) step {
	s.from = from
	return s
}
