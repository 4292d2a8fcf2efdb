package proxier_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// What the kernel tells of is put right within a second (F8, F9), though
// reading back would come to it in thirty.
func TestWhatTheKernelTellsOfIsRepairedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		want := k.Rows().String()
		time.Sleep(3 * time.Second)
		for _, c := range []struct {
			name  string
			spoil func()
		}{
			{"the device is removed", func() {
				k.Damage("device")
				k.Tell(func(t *state.Touched) { t.Device = true })
			}},
			{"an address is removed", func() {
				a := netip.MustParseAddr("10.96.0.1")
				k.Drift(func(r *state.Rows) { delete(r.Addresses, a) })
				k.Tell(func(t *state.Touched) { t.Addresses = map[netip.Addr]bool{a: false} })
			}},
			{"a strange address comes", func() {
				a := netip.MustParseAddr("203.0.113.1")
				k.Drift(func(r *state.Rows) { r.Addresses[a] = state.None{} })
				k.Tell(func(t *state.Touched) { t.Addresses = map[netip.Addr]bool{a: true} })
			}},
			{"a rule is removed", func() {
				k.Damage("rule")
				k.Tell(func(t *state.Touched) { t.Rules = true })
			}},
		} {
			c.spoil()
			time.Sleep(time.Second)
			synctest.Wait()
			mended, err := k.Prepare(t.Context())
			if got := k.Rows().String(); got != want || err != nil || len(mended) > 0 {
				t.Errorf("%s: a second later the machine lacks %v and has\n%s", c.name, mended, got)
			}
			time.Sleep(time.Second)
		}
	})
}

// Changes of the daemon's own are told of like all others. They make no work.
func TestOwnChangesAreNotReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		own := map[netip.Addr]bool{netip.MustParseAddr("10.96.0.1"): true, netip.MustParseAddr("10.96.9.9"): false}
		k.Tell(func(t *state.Touched) { t.Addresses = own })
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if calls := k.Calls(); strings.Contains(calls, "list") || strings.Contains(calls, "prepare") {
			t.Errorf("the daemon has read back what it had written itself:\n%s", calls)
		}
	})
}

// However much the kernel tells, there is about one look a second.
func TestAStormOfEventsIsGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, k := running(t, 3)
		for range 1000 {
			k.Tell(func(t *state.Touched) { t.Device, t.Rules = true, true })
			time.Sleep(10 * time.Millisecond)
		}
		var prepared, listed int
		for line := range strings.Lines(k.Calls()) {
			_, _ = fmt.Sscanf(line, "prepare %d", &prepared)
			_, _ = fmt.Sscanf(line, "list address %d", &listed)
		}
		if prepared < 5 || prepared > 14 || listed < 5 || listed > 14 {
			t.Errorf("in ten seconds prepared %d times and listed the addresses %d times, want about ten", prepared, listed)
		}
	})
}
