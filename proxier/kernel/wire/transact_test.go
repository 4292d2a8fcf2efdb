package wire

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// What the kernel says of the message that begins a transaction it says of all that
// is in it; what it says of one it says of that alone. An answer to an earlier
// transaction that comes late is about neither.
func TestATransactionIsRefusedAsAWhole(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(begins uint32) []byte
		want   []error
	}{
		"carried out": {func(b uint32) []byte { return slices.Concat(verdictOf(b+1, 0), verdictOf(b+2, 0)) }, []error{nil, nil}},
		"one refused": {func(b uint32) []byte { return slices.Concat(verdictOf(b+1, 0), verdictOf(b+2, unix.ENOENT)) }, []error{nil, unix.ENOENT}},
		"as a whole":  {func(b uint32) []byte { return verdictOf(b, unix.ENOMEM) }, []error{unix.ENOMEM, unix.ENOMEM}},
		"late": {func(b uint32) []byte {
			return slices.Concat(verdictOf(b-1, unix.ENOMEM), verdictOf(b+1, 0), verdictOf(b+2, 0))
		}, []error{nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{answers: []func(uint32) []receipt{func(begins uint32) []receipt { return []receipt{{text: c.answer(begins)}} }}}
			for i, err := range s.conn().Transact(unix.NFNL_SUBSYS_NFTABLES, make([]Request, 2)) {
				if !errors.Is(err, c.want[i]) {
					t.Errorf("request %d: %v, want %v", i, err, c.want[i])
				}
			}
			if s.closed != 0 {
				t.Error("the socket was given up")
			}
		})
	}
}
