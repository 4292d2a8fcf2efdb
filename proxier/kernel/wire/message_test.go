package wire

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// said is a message as the kernel sends it.
func said(kind, flags uint16, seq uint32, body ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(binary.NativeEndian.AppendUint32(b, 0), body...)
	return append(b, make([]byte, Align(len(b))-len(b))...)
}

func number(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }

func TestEachMessage(t *testing.T) {
	got := map[uint32]error{}
	verdicts := func(m message) error {
		verdict, short := m.verdict()
		got[m.seq] = verdict
		return short
	}
	buffer := append(said(unix.NLMSG_ERROR, 0, 7, number(0)...), said(unix.NLMSG_ERROR, 0, 8, number(-int32(unix.EEXIST))...)...)
	if err := eachMessage(buffer, verdicts); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[7] != nil || !errors.Is(got[8], unix.EEXIST) {
		t.Errorf("verdicts %v", got)
	}
	for _, short := range [][]byte{buffer[:12], buffer[:30], said(unix.NLMSG_ERROR, 0, 9, 0)} {
		if err := eachMessage(short, verdicts); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: %v, want %v", short, err, ErrMalformed)
		}
	}
}

// A listing ends well in one way only.
func TestHowAListingEnds(t *testing.T) {
	broken := errors.New("cannot be read")
	for name, c := range map[string]struct {
		said []byte
		last bool
		err  error
	}{
		"a row":                   {said(30, unix.NLM_F_MULTI, 1, 1, 2, 3), false, nil},
		"a row that is malformed": {said(30, unix.NLM_F_MULTI, 1), false, broken},
		"interrupted":             {said(30, unix.NLM_F_MULTI|unix.NLM_F_DUMP_INTR, 1, 1, 2, 3), false, ErrInterrupted},
		"done":                    {said(unix.NLMSG_DONE, unix.NLM_F_MULTI, 1, number(0)...), true, nil},
		"interrupted at the end":  {said(unix.NLMSG_DONE, unix.NLM_F_DUMP_INTR, 1, number(0)...), false, ErrInterrupted},
		"broken off":              {said(unix.NLMSG_DONE, unix.NLM_F_MULTI, 1, number(-int32(unix.ENOMEM))...), true, unix.ENOMEM},
		"done, but how":           {said(unix.NLMSG_DONE, unix.NLM_F_MULTI, 1), true, ErrMalformed},
		"refused":                 {said(unix.NLMSG_ERROR, 0, 1, number(-int32(unix.EBUSY))...), true, unix.EBUSY},
	} {
		t.Run(name, func(t *testing.T) {
			err := eachMessage(c.said, func(m message) error {
				last, err := m.listed(func(body []byte) error {
					if len(body) == 0 {
						return broken
					}
					return nil
				})
				if last != c.last {
					t.Errorf("last is %t, want %t", last, c.last)
				}
				return err
			})
			if !errors.Is(err, c.err) {
				t.Errorf("error %v, want %v", err, c.err)
			}
		})
	}
}

// What does not fit into the buffer is no answer. Any kernel lists its links.
func TestAMessageThatIsCutOffIsAnError(t *testing.T) {
	c, err := Dial(unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	links := Request{Kind: unix.RTM_GETLINK, Body: make([]byte, unix.SizeofIfInfomsg)}
	count := 0
	take := func([]byte) error { count++; return nil }
	if err := c.List(links, take); err != nil || count == 0 {
		t.Fatalf("%d links, %v", count, err)
	}
	whole := c.buffer
	c.buffer = make([]byte, 128)
	if err := c.List(links, take); !errors.Is(err, ErrMalformed) {
		t.Errorf("a small buffer: %v, want %v", err, ErrMalformed)
	}
	c.buffer, count = whole, 0
	if err := c.List(links, take); err != nil || count == 0 {
		t.Errorf("afterwards: %d links, %v", count, err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(said(unix.NLMSG_ERROR, 0, 1, number(-17)...))
	f.Add(append(said(unix.NLMSG_ERROR, 0, 1, number(0)...), said(unix.NLMSG_DONE, 0, 2, number(0)...)[:18]...))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_ = eachMessage(b, func(m message) error { // no panic, no endless loop
			_, err := m.listed(func([]byte) error { return nil })
			return err
		})
	})
}
