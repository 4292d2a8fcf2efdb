package ipset

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

func TestAsk(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer []step
		want   error
		lost   bool // the socket is given up
	}{
		{"done", []step{ack()}, nil, false},
		{"refused", []step{refuses(nl.IPSET_ERR_BUSY, 0)}, ErrBusy, false},
		{"refused by the kernel at large", []step{refuses(unix.EPERM, 0)}, unix.EPERM, false},
		{"late answer first", []step{foreign(refuses(unix.EPERM, 0)), ack()}, nil, false},
		{"late message first", []step{foreign(tells(nil)), ack()}, nil, false},
		{"other sender first", []step{sent(99, refuses(unix.EPERM, 0)), ack()}, nil, false},
		{"signal", []step{{err: unix.EINTR}, ack()}, nil, false},
		{"silence", nil, wire.ErrNoAnswer, true},
		{"only late answers", []step{foreign(ack()), foreign(ack())}, wire.ErrNoAnswer, true},
		{"only other senders", []step{sent(99, ack())}, wire.ErrNoAnswer, true},
		{"overrun", []step{{err: unix.ENOBUFS}, ack()}, unix.ENOBUFS, true},
		{"unexpected message", []step{tells(about("A")), ack()}, wire.ErrMalformed, true},
		{"cut verdict", []step{says(unix.NLMSG_ERROR, 0, 0)}, wire.ErrMalformed, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: [][]step{tc.answer, {ack()}}}
				c := s.client()
				start := time.Now()
				err := c.ask(nl.IPSET_CMD_SWAP, swapRequest("A", "B"), unexpected)
				if !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if waited := time.Since(start); waited > wire.Timeout {
					t.Errorf("waited %v", waited)
				}
				if got := s.closed == 1; got != tc.lost {
					t.Errorf("socket given up: %t, want %t", got, tc.lost)
				}
				if err := c.Swap("A", "B"); err != nil {
					t.Errorf("next request: %v", err)
				}
				if got := s.dialled == 2; got != tc.lost {
					t.Errorf("dialled %d times", s.dialled)
				}
			})
		})
	}
}

// A kernel that chatters without end about other things does not keep the
// caller for ever.
func TestAskChatter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &chatter{}
		c := &Client{conn: wire.Over(func() (wire.Socket, error) { return s, nil })}
		if err := c.Swap("A", "B"); !errors.Is(err, wire.ErrNoAnswer) {
			t.Errorf("got %v, want %v", err, wire.ErrNoAnswer)
		}
	})
}

type chatter struct{ script }

func (s *chatter) Receive(buffer []byte) (n int, from uint32, err error) {
	time.Sleep(time.Second)
	s.pending = []step{foreign(ack())}
	return s.script.Receive(buffer)
}

func TestAskSendAndDial(t *testing.T) {
	s := &script{answers: [][]step{{}, {ack()}}, sendErr: unix.EAGAIN}
	c := s.client()
	if err := c.Swap("A", "B"); !errors.Is(err, wire.ErrNoAnswer) || !errors.Is(err, unix.EAGAIN) {
		t.Errorf("not sent: %v", err)
	}
	s.sendErr, s.dialErr = nil, unix.EMFILE
	if err := c.Swap("A", "B"); !errors.Is(err, unix.EMFILE) {
		t.Errorf("not dialled: %v", err)
	}
	s.dialErr = nil
	if err := c.Swap("A", "B"); err != nil {
		t.Error(err)
	}
	c.Close()
	c.Close()
	if s.closed != 2 {
		t.Errorf("closed %d times, want once after the loss and once at the end", s.closed)
	}
}

func TestDestroyHeard(t *testing.T) {
	s := &script{answers: [][]step{{refuses(unix.ENOENT, 0)}, {refuses(unix.EPERM, 0)}}}
	c := s.client()
	if err := c.Destroy("A"); err != nil {
		t.Errorf("absent: %v", err)
	}
	if err := c.Destroy("A"); !errors.Is(err, unix.EPERM) {
		t.Errorf("not permitted: %v", err)
	}
}

func TestMembersHeard(t *testing.T) {
	set := Set{Name: "A", Type: HashIP, Family: IPv4, MaxEntries: 9}
	one, two := IP(addr("10.0.0.1")), IP(addr("10.0.0.2"))
	first := func() step { return tells(told(set, one)) }
	second := func() step { return tells(changeRequest("A", []Entry{two})) }
	both := []Entry{one, two}
	for _, tc := range []struct {
		name    string
		answers [][]step
		want    error
		asked   int
	}{
		{"at once", [][]step{{first(), second(), done()}}, nil, 1},
		{"interrupted", [][]step{{first(), interrupted(second()), done()}, {interrupted(first()), done()}, {first(), second(), done()}}, nil, 3},
		{"always interrupted", [][]step{{interrupted(first()), done()}, {first(), interrupted(done())}, {interrupted(first()), done()}}, wire.ErrInterrupted, 3},
		{"without end", [][]step{{first()}, {first(), second()}, {first(), second(), done()}}, nil, 3},
		{"never an end", [][]step{{first(), second()}, {first(), second()}, {first(), second()}}, wire.ErrNoAnswer, 3},
		{"slowly", [][]step{{late(first()), late(second()), late(done())}}, nil, 1},
		{"overrun", [][]step{{first(), {err: unix.ENOBUFS}, done()}, {first(), second(), done()}}, nil, 2},
		{"breaks off", [][]step{{first(), says(unix.NLMSG_DONE, 0xa6, 0xff, 0xff, 0xff)}}, unix.EMSGSIZE, 1},
		{"absent", [][]step{{refuses(unix.ENOENT, 0)}}, ErrNotExist, 1},
		{"nothing", [][]step{{done()}}, wire.ErrMalformed, 1},
		{"second part only", [][]step{{second(), done()}}, wire.ErrMalformed, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers}
				got, err := s.client().Members("A")
				if !errors.Is(err, tc.want) || s.asked != tc.asked {
					t.Errorf("got %v after %d requests, want %v after %d", err, s.asked, tc.want, tc.asked)
				}
				if want := both; err != nil && got != nil || err == nil && !slices.Equal(got, want) {
					t.Errorf("got %v, want %v or an error", got, want)
				}
			})
		})
	}
}

func TestSetsHeard(t *testing.T) {
	port := wire.AppendText(about("P"), nl.IPSET_ATTR_TYPENAME, "bitmap:port")
	set := Set{Name: "A", Type: HashIP, Family: IPv6, MaxEntries: 9}
	s := &script{answers: [][]step{{tells(port), interrupted(done())}, {tells(port), tells(head(set)), done()}, {done()}, {tells(about("A")), done()}}}
	c := s.client()
	if got, err := c.Sets(); err != nil || !slices.Equal(got, []Set{set, {Name: "P"}}) {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := c.Sets(); err != nil || len(got) != 0 {
		t.Errorf("got %s, %v, want none", got, err)
	}
	if _, err := c.Sets(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("set without type: %v", err)
	}
}

func TestChangeHeard(t *testing.T) {
	header := []step{tells(head(Set{Name: "A", Type: HashIPPort, Family: IPv4})), ack()}
	for _, tc := range []struct {
		name    string
		answers [][]step
		want    string // which entries of 1,200 failed, and how
		asked   int
	}{
		{"all", [][]step{header, {ack()}, {ack()}, {ack()}}, "", 4},
		{"absent", [][]step{{refuses(unix.ENOENT, 0)}}, "0-1199 set does not exist", 1},
		{"about another set", [][]step{{tells(head(Set{Name: "B"})), ack()}}, `0-1199 malformed answer: about set "B"`, 1},
		{"one refused", [][]step{header, {refuses(codeFull, 3)}, {ack()}, {ack()}, {ack()}}, "2-2 set is full", 5},
		{"last refused", [][]step{header, {ack()}, {ack()}, {refuses(codeFull, 200)}}, "1199-1199 set is full", 4},
		{"whole message refused", [][]step{header, {ack()}, {refuses(unix.EPERM, 0)}, {ack()}}, "500-999 operation not permitted", 4},
		{"line out of range", [][]step{header, {ack()}, {ack()}, {refuses(unix.EPERM, 201)}}, "1000-1199 operation not permitted", 4},
		{"silence", [][]step{header, {ack()}}, "500-1199 no answer from the kernel: resource temporarily unavailable", 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tc.answers}
				entries := slices.Repeat([]Entry{IPPort(port("10.0.0.1:80"), 6)}, 1200)
				errs := s.client().change(nl.IPSET_CMD_ADD, "A", entries)
				if got := summary(errs); got != tc.want || s.asked != tc.asked {
					t.Errorf("got %q after %d requests, want %q after %d", got, s.asked, tc.want, tc.asked)
				}
			})
		})
	}
}

// The type of a set is asked for once, and again after anything was refused.
func TestTypesAreRemembered(t *testing.T) {
	header := []step{tells(head(Set{Name: "A", Type: HashIPPort, Family: IPv4})), ack()}
	s := &script{answers: [][]step{header, {ack()}, {ack()}, {refuses(unix.ENOENT, 0)}, header, {ack()}}}
	c := s.client()
	for i, want := range []int{2, 3, 4, 6} {
		c.Add("A", []Entry{IPPort(port("10.0.0.1:80"), 6)})
		if s.asked != want {
			t.Errorf("change %d: %d requests so far, want %d", i+1, s.asked, want)
		}
	}
}

func summary(errs []error) string {
	failed := func(err error) bool { return err != nil }
	first := slices.IndexFunc(errs, failed)
	if first < 0 {
		return ""
	}
	last := first
	for last+1 < len(errs) && failed(errs[last+1]) {
		last++
	}
	if slices.ContainsFunc(errs[last+1:], failed) {
		return "scattered"
	}
	return fmt.Sprintf("%d-%d %v", first, last, errs[first])
}
