package proxier

import (
	"fmt"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// All Services are read within a sync period while there are few, and ten
// thousand within 160 seconds.
func TestHowLongARoundTakes(t *testing.T) {
	for _, c := range []struct {
		services int
		period   time.Duration
		portion  int // a second
		round    time.Duration
	}{
		{0, 30 * time.Second, 0, 0},
		{1, 30 * time.Second, 1, time.Second},
		{100, 30 * time.Second, 4, 25 * time.Second},
		{1_800, 30 * time.Second, 60, 30 * time.Second},
		{10_000, 30 * time.Second, 63, 160 * time.Second},
		{10_000, 15 * time.Minute, 12, 15 * time.Minute},
	} {
		p := New(Config{SyncPeriod: c.period}, Parts{Kernel: kerneltest.New()})
		for i := range c.services {
			p.services.of(owner{Name: fmt.Sprint(i)})
		}
		got := p.portion()
		if got != c.portion || got > 0 && time.Duration(c.services/got)*time.Second > c.round {
			t.Errorf("%d Services in %s: %d a second, want %d and a round within %s", c.services, c.period, got, c.portion, c.round)
		}
	}
}
