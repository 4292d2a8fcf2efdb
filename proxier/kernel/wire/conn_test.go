package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// scripted answers each send with receipts, and then with silence.
type scripted struct {
	answers         []func(first uint32) []receipt // by the sequence number of the first request
	pending         []receipt
	dialled, closed int
}

type receipt struct {
	from uint32
	text []byte
}

func (s *scripted) conn() *Conn {
	return Over(func() (Socket, error) {
		s.dialled++
		s.pending = nil
		return s, nil
	})
}

func (s *scripted) Send(batch []byte) error {
	s.pending = append(s.pending, s.answers[0](binary.NativeEndian.Uint32(batch[8:]))...)
	s.answers = s.answers[1:]
	return nil
}

func (s *scripted) Receive(buffer []byte) (n int, from uint32, err error) {
	if len(s.pending) == 0 {
		return 0, 0, unix.EAGAIN
	}
	now := s.pending[0]
	s.pending = s.pending[1:]
	return copy(buffer, now.text), now.from, nil
}

func (s *scripted) Close() error {
	s.closed++
	return nil
}

func verdictOf(seq uint32, errno unix.Errno) []byte {
	return said(unix.NLMSG_ERROR, 0, seq, number(-int32(errno))...)
}

// Answers belong to requests by their number alone, in whatever order and company
// they come.
func TestAnswersAreMatched(t *testing.T) {
	s := &scripted{answers: []func(uint32) []receipt{func(first uint32) []receipt {
		return []receipt{
			{from: 99, text: verdictOf(first, unix.EPERM)},
			{text: slices.Concat(verdictOf(first+2, unix.EEXIST), verdictOf(first-7, unix.EPERM), said(30, 0, first+1, 7, 7, 7, 7))},
			{text: slices.Concat(verdictOf(first+1, 0), verdictOf(first+1, unix.EPERM), verdictOf(first, 0))},
		}
	}}}
	c := s.conn()
	told := map[int]int{}
	errs := c.Ask(make([]Request, 3), func(i int, body []byte) error {
		told[i] = len(body)
		return nil
	})
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], unix.EEXIST) || fmt.Sprint(told) != "map[1:4]" {
		t.Errorf("answers %v, told %v", errs, told)
	}
	if s.closed != 0 {
		t.Error("the socket was given up")
	}
}

// Of what was sent together some may be answered and the rest not; the next
// request has a socket of its own.
func TestALostAnswerIsNoAnswer(t *testing.T) {
	broken := errors.New("cannot be read")
	for name, c := range map[string]struct {
		answer func(first uint32) []receipt
		want   error
	}{
		"silence":       {func(first uint32) []receipt { return []receipt{{text: verdictOf(first, 0)}} }, ErrNoAnswer},
		"half a header": {func(first uint32) []receipt { return []receipt{{text: verdictOf(first, 0)}, {text: []byte{1, 2}}} }, ErrMalformed},
		"a reply that cannot be read": {func(first uint32) []receipt {
			return []receipt{{text: verdictOf(first, 0)}, {text: said(30, 0, first+1)}}
		}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{answers: []func(uint32) []receipt{c.answer, func(first uint32) []receipt {
				return []receipt{{text: verdictOf(first, 0)}}
			}}}
			conn := s.conn()
			errs := conn.Ask(make([]Request, 3), func(int, []byte) error { return broken })
			if errs[0] != nil || !errors.Is(errs[1], c.want) || !errors.Is(errs[2], ErrNoAnswer) {
				t.Errorf("answers %v, want the second to be %v and the third none", errs, c.want)
			}
			if err := conn.Do(make([]Request, 1))[0]; err != nil || s.closed != 1 || s.dialled != 2 {
				t.Errorf("then %v, closed %d and dialled %d times", err, s.closed, s.dialled)
			}
		})
	}
}

// The answer to a listing that is refused is complete.
func TestARefusedListingKeepsItsSocket(t *testing.T) {
	for name, c := range map[string]struct {
		text func(first uint32) []byte
		lost bool
	}{
		"refused":     {func(first uint32) []byte { return verdictOf(first, unix.ENOENT) }, false},
		"interrupted": {func(first uint32) []byte { return said(30, unix.NLM_F_DUMP_INTR, first, 1, 2, 3, 4) }, true},
		"unfinished":  {func(first uint32) []byte { return said(30, unix.NLM_F_MULTI, first, 1, 2, 3, 4) }, true},
		"no verdict":  {func(first uint32) []byte { return said(unix.NLMSG_DONE, unix.NLM_F_MULTI, first, 1) }, true},
	} {
		s := &scripted{answers: []func(uint32) []receipt{func(first uint32) []receipt { return []receipt{{text: c.text(first)}} }}}
		if err := s.conn().List(Request{}, func([]byte) error { return nil }); err == nil || (s.closed > 0) != c.lost {
			t.Errorf("%s: %v, closed %d times", name, err, s.closed)
		}
	}
}

// Only an answer about the row itself refuses it: what is lost, or what the next
// row would be told too, is a failure of the call.
func TestWhatRefusesARow(t *testing.T) {
	odd := errors.New("odd")
	for _, c := range []struct {
		said    error
		want    error
		refused bool
	}{
		{&Refusal{Errno: unix.EINVAL}, unix.EINVAL, true},
		{&Refusal{Errno: unix.ESRCH}, odd, true},
		{&Refusal{Errno: unix.EEXIST}, nil, false},
		{&Refusal{Errno: unix.EPERM}, ErrPermission, false},
		{&Refusal{Errno: unix.ENOBUFS}, unix.ENOBUFS, false},
		{fmt.Errorf("%w: %w", ErrNoAnswer, unix.EINVAL), ErrNoAnswer, false},
		{ErrMalformed, ErrMalformed, false},
		{nil, nil, false},
	} {
		err := Verdict(c.said, map[unix.Errno]error{unix.ESRCH: odd, unix.EEXIST: nil})
		if !errors.Is(err, c.want) || errors.Is(err, reconcile.ErrRefused) != c.refused {
			t.Errorf("%v: %v, want %v, refused %t", c.said, err, c.want, c.refused)
		}
	}
}
