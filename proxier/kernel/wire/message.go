package wire

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// message is one netlink message as it came in. Its body lies in the buffer
// that it was read into.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// eachMessage hands out the messages in buffer, in order, until take errs.
func eachMessage(buffer []byte, take func(message) error) error {
	for len(buffer) > 0 {
		if len(buffer) < unix.SizeofNlMsghdr {
			return ErrMalformed
		}
		length := int(binary.NativeEndian.Uint32(buffer))
		if length < unix.SizeofNlMsghdr || length > len(buffer) {
			return ErrMalformed
		}
		err := take(message{
			kind:  binary.NativeEndian.Uint16(buffer[4:]),
			flags: binary.NativeEndian.Uint16(buffer[6:]),
			seq:   binary.NativeEndian.Uint32(buffer[8:]),
			body:  buffer[unix.SizeofNlMsghdr:length],
		})
		if err != nil {
			return err
		}
		buffer = buffer[min(Align(length), len(buffer)):]
	}
	return nil
}

// verdict is nil or a *Refusal: what a message that ends an answer says.
func (m message) verdict() (verdict, malformed error) {
	if len(m.body) < 4 {
		return nil, ErrMalformed
	}
	errno := -int32(binary.NativeEndian.Uint32(m.body))
	if errno == 0 {
		return nil, nil
	}
	refusal := &Refusal{Errno: unix.Errno(errno)}
	if m.kind == unix.NLMSG_ERROR && len(m.body) >= 4+unix.SizeofNlMsghdr {
		refusal.Request = m.body[4+unix.SizeofNlMsghdr:]
	}
	return refusal, nil
}

// listed hands the body of a message of a listing to take; the last one has
// only a verdict on the whole.
func (m message) listed(take func(body []byte) error) (last bool, err error) {
	switch {
	case m.flags&unix.NLM_F_DUMP_INTR != 0:
		return false, ErrInterrupted
	case m.kind != unix.NLMSG_ERROR && m.kind != unix.NLMSG_DONE:
		return false, take(m.body)
	}
	verdict, malformed := m.verdict()
	if malformed != nil {
		return true, malformed
	}
	return true, verdict
}
