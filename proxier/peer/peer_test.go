package peer

import "testing"

func TestWhoIsAdmitted(t *testing.T) {
	for _, c := range []struct {
		uid  uint32
		own  int
		want bool
	}{{0, 0, true}, {0, 1000, true}, {1000, 1000, true}, {1000, 0, false}, {1001, 1000, false}} {
		if got := admits(c.uid, c.own); got != c.want {
			t.Errorf("user %d at the door of %d: %t", c.uid, c.own, got)
		}
	}
}
