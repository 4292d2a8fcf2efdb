package wire

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// MessagesPerSend is how many requests go into one send at most. The answers to
// all of them wait in the socket's receive buffer, and the kernel drops what does
// not fit.
const (
	MessagesPerSend = 128
	bytesPerSend    = 32 << 10
)

// Conn is a netlink socket that sends many requests in one system call and
// matches the answers by sequence number: on Linux 6.1 a real server costs a
// third of the time of a call of its own. When an answer is lost the socket is
// given up, so that a late answer can never be taken for another; the next
// request opens one anew.
type Conn struct {
	dial   func() (Socket, error)
	socket Socket // nil: the next request opens it
	seq    uint32
	buffer []byte // of the last receipt
}

// Request is one netlink message without its length and sequence number.
type Request struct {
	Kind  uint16 // of message, or the generic netlink family
	Flags uint16 // beside NLM_F_REQUEST and NLM_F_ACK
	Body  []byte
}

// Dial returns a Conn with an open socket in the network namespace of this
// thread.
func Dial(protocol int, options ...Option) (*Conn, error) {
	c := Over(func() (Socket, error) { return Open(protocol, options...) })
	return c, c.connect()
}

// Over returns a Conn that has yet to open its socket, by dial.
func Over(dial func() (Socket, error)) *Conn {
	return &Conn{dial: dial, buffer: make([]byte, receiptSize)}
}

func (c *Conn) connect() (err error) {
	if c.socket == nil {
		c.socket, err = c.dial()
	}
	if err != nil {
		c.socket = nil // dial may have left one that is of no use
	}
	return err
}

// Close lets go of the socket. It can be repeated.
func (c *Conn) Close() error {
	if c == nil || c.socket == nil {
		return nil
	}
	s := c.socket
	c.socket = nil
	return s.Close()
}

// Do carries out the requests in order and answers each with nil or an error:
// *Refusal is the kernel's own; with ErrNoAnswer it may have been carried out or
// not.
func (c *Conn) Do(requests []Request) []error {
	return c.Ask(requests, func(int, []byte) error { return nil })
}

// Ask does the same with requests that are answered by more than a verdict: it
// hands out what is said to the i-th. That lies in a buffer and is gone with
// the next call. An error of reply is the request's, and breaks off: the later
// requests of the same send have ErrNoAnswer.
func (c *Conn) Ask(requests []Request, reply func(i int, body []byte) error) []error {
	errs := make([]error, len(requests))
	for first := 0; first < len(requests); {
		batch, size := c.pack(requests[first:])
		c.exchange(batch, errs[first:first+size], func(i int, body []byte) error { return reply(first+i, body) })
		first += size
	}
	return errs
}

// pack serialises as many of the requests as one send may hold.
func (c *Conn) pack(requests []Request) (batch []byte, size int) {
	for _, r := range requests {
		length := unix.SizeofNlMsghdr + len(r.Body)
		if size > 0 && (size == MessagesPerSend || len(batch)+length > bytesPerSend) {
			break
		}
		c.seq++
		batch = appendMessage(batch, r.Kind, unix.NLM_F_REQUEST|unix.NLM_F_ACK|r.Flags, c.seq, r.Body)
		size++
	}
	return batch, size
}

// exchange sends one batch, whose last request has c.seq, and fills errs. What
// the kernel says about the message that begins a transaction it says about all.
func (c *Conn) exchange(batch []byte, errs []error, reply func(i int, body []byte) error) {
	first := c.seq - uint32(len(errs)) + 1
	from := first
	if binary.NativeEndian.Uint16(batch[4:]) == unix.NFNL_MSG_BATCH_BEGIN {
		from--
	}
	open, left := make([]bool, len(errs)), len(errs)
	for i := range open {
		open[i] = true
	}
	one := func(i int, m message) (broken error) {
		if !open[i] {
			return nil
		}
		verdict := m.kind == unix.NLMSG_ERROR
		if verdict {
			errs[i], broken = m.verdict()
		} else {
			broken = reply(i, m.body)
		}
		if broken != nil {
			errs[i] = broken
		}
		if verdict || broken != nil {
			open[i] = false
			left--
		}
		return broken
	}
	err := c.send(batch)
	if err == nil {
		err = c.hear(from, func() bool { return left > 0 }, func(m message) (broken error) {
			if m.seq != first-1 {
				return one(int(m.seq-first), m)
			}
			whole, malformed := m.verdict()
			for i := range errs {
				errs[i] = cmp.Or(errs[i], whole)
			}
			left = 0
			return malformed
		})
	}
	if err == nil {
		return
	}
	if !errors.Is(err, ErrNoAnswer) {
		err = fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	for i := range errs {
		if open[i] {
			errs[i] = err
		}
	}
	_ = c.Close() // it is given up in any case
}

// List carries out a request that is answered by any number of messages, and
// hands out their bodies: all of them, or there is an error.
func (c *Conn) List(r Request, take func(body []byte) error) error {
	r.Flags |= unix.NLM_F_DUMP
	batch, _ := c.pack([]Request{r})
	err, last := c.send(batch), false
	if err == nil {
		err = c.hear(c.seq, func() bool { return !last }, func(m message) (err error) {
			last, err = m.listed(take)
			return err
		})
	}
	if err != nil && (!last || errors.Is(err, ErrMalformed)) {
		_ = c.Close() // there may be more of the answer to come
	}
	return err
}

// listTries is how often a listing is asked for that changes while it is read.
const listTries = 5

// Relist does the same and begins anew when a change interrupts the listing;
// begin is to forget what has been taken.
func (c *Conn) Relist(r Request, begin func(), take func(body []byte) error) (err error) {
	for range listTries {
		begin()
		if err = c.List(r, take); !errors.Is(err, ErrInterrupted) {
			return err
		}
	}
	return err
}

func (c *Conn) send(batch []byte) error {
	if err := c.connect(); err != nil {
		return err
	}
	if err := c.socket.Send(batch); err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return nil
}

var errOthersOnly = fmt.Errorf("%w: only messages about something else", ErrNoAnswer)

// hear hands out the kernel's answers to the requests from first to c.seq, while
// there are more to come. Messages of other senders and about other requests
// are passed over, and do not prolong the wait.
func (c *Conn) hear(first uint32, more func() bool, take func(message) error) error {
	const kernel = 0
	for deadline := time.Now().Add(Timeout); more(); {
		if !time.Now().Before(deadline) {
			return errOthersOnly
		}
		n, from, err := c.socket.Receive(c.buffer)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("%w: %w", ErrNoAnswer, err)
		case from != kernel:
			continue
		case n > len(c.buffer):
			return ErrMalformed
		}
		err = eachMessage(c.buffer[:n], func(m message) error {
			if m.seq-first > c.seq-first {
				return nil
			}
			deadline = time.Now().Add(Timeout)
			return take(m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Transact sends requests between the two messages that nftables wants around
// each transaction of a subsystem. If any of the answers is an error nothing has
// been carried out: the others then say only that they would have been.
func (c *Conn) Transact(subsystem uint16, requests []Request) []error {
	edge := NetfilterHeader(unix.AF_UNSPEC, subsystem)
	c.seq++
	batch := appendMessage(nil, unix.NFNL_MSG_BATCH_BEGIN, unix.NLM_F_REQUEST, c.seq, edge)
	for _, r := range requests {
		c.seq++
		batch = appendMessage(batch, r.Kind, unix.NLM_F_REQUEST|unix.NLM_F_ACK|r.Flags, c.seq, r.Body)
	}
	batch = appendMessage(batch, unix.NFNL_MSG_BATCH_END, unix.NLM_F_REQUEST, 0, edge)
	errs := make([]error, len(requests))
	c.exchange(batch, errs, func(int, []byte) error { return nil })
	return errs
}

// appendMessage serialises one message.
func appendMessage(b []byte, kind, flags uint16, seq uint32, body []byte) []byte {
	length := unix.SizeofNlMsghdr + len(body)
	b = binary.NativeEndian.AppendUint32(b, uint32(length))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, body...)
	return append(b, make([]byte, Align(length)-length)...)
}
