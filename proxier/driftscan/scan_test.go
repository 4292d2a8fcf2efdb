package driftscan

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// All Services are read within a sync period while there are few, and ten
// thousand within 160 seconds.
func TestHowLongARoundTakes(t *testing.T) {
	for _, c := range []struct {
		services int
		period   time.Duration
		batch    int // a second
		round    time.Duration
	}{
		{0, 30 * time.Second, 0, 0},
		{1, 30 * time.Second, 1, time.Second},
		{100, 30 * time.Second, 4, 25 * time.Second},
		{1_800, 30 * time.Second, 60, 30 * time.Second},
		{10_000, 30 * time.Second, 63, 160 * time.Second},
		{10_000, 15 * time.Minute, 12, 15 * time.Minute},
	} {
		got := batch(c.services, c.period)
		if got != c.batch || got > 0 && time.Duration(c.services/got)*time.Second > c.round {
			t.Errorf("%d Services in %s: %d a second, want %d and a round within %s", c.services, c.period, got, c.batch, c.round)
		}
	}
}

// shelf is a Reader of numbered Services.
type shelf struct {
	services int
	drift    map[int]bool  // Services that were changed by others
	takes    time.Duration // the reading of a few
	gone     bool          // there are fewer than Count says
	read     []int
	rest     []string
}

func (s *shelf) Steps() (all []Step) {
	for _, name := range []string{"sets", "node"} {
		all = append(all, func(context.Context) (map[string]int, bool) {
			s.rest = append(s.rest, name)
			return nil, name == "node"
		})
	}
	return all
}

func (s *shelf) Services() (all []int) {
	for i := range s.services {
		all = append(all, i)
	}
	if s.gone {
		return nil
	}
	return all
}

func (s *shelf) Count() int { return s.services }

func (s *shelf) Batch(_ context.Context, some []int) map[string]int {
	time.Sleep(s.takes)
	s.read = append(s.read, some...)
	drift := map[string]int{}
	for _, i := range some {
		if s.drift[i] {
			drift["real server"]++
		}
	}
	return drift
}

// period is so long that 60 Services are read two a second.
const period = 30 * time.Second

// second takes steps until there is a pause, and sleeps for it.
func second(t *testing.T, scan *Scan[int]) (steps, drift int, pass bool) {
	for {
		found, p, pause := scan.Next(t.Context())
		steps, pass = steps+1, pass || p
		for _, n := range found {
			drift += n
		}
		if pause > 0 {
			time.Sleep(pause)
			return steps, drift, pass
		}
	}
}

// Each Service has its turn once a round, and the rest is read once a period.
func TestRounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{services: 60}
		scan := New(period, s)
		scan.Begin(time.Now())
		for i := range 30 {
			if _, drift, pass := second(t, scan); drift > 0 || pass {
				t.Errorf("second %d: drift %d, pass %t", i, drift, pass)
			}
		}
		if len(s.read) != 60 || !slices.Equal(s.read, s.Services()) || len(s.rest) > 0 {
			t.Errorf("in a period %d Services have been read: %v, and %v", len(s.read), s.read, s.rest)
		}
		if _, _, pass := second(t, scan); !pass || fmt.Sprint(s.rest) != "[sets node]" {
			t.Errorf("then the rest is read: %v, pass %t", s.rest, pass)
		}
	})
}

// Where drift was found the whole round follows without a pause, once a period.
func TestUrgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{services: 60, drift: map[int]bool{1: true, 3: true}}
		scan := New(period, s)
		scan.Begin(time.Now())
		if _, drift, pass := second(t, scan); drift != 2 || !pass || len(s.read) != 60 {
			t.Errorf("%d Services have been read, drift %d, pass %t; want all 60, 2", len(s.read), drift, pass)
		}
		s.read, s.drift = nil, map[int]bool{2: true, 3: true}
		if second(t, scan); len(s.read) != 2 {
			t.Errorf("drift again in one period: %d Services have been read, want 2", len(s.read))
		}
	})
}

// A step ends after 10 ms: what has moved waits no longer.
func TestAStepIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{services: 1_800, takes: 6 * time.Millisecond}
		scan := New(period, s)
		scan.Begin(time.Now())
		begin := time.Now()
		if _, _, pause := scan.Next(t.Context()); pause > 0 || time.Since(begin) != 12*time.Millisecond || len(s.read) != 8 {
			t.Errorf("one step has read %d Services in %s, then a pause of %s", len(s.read), time.Since(begin), pause)
		}
		if steps, _, _ := second(t, scan); steps != 7 || len(s.read) != 60 {
			t.Errorf("after %d more steps %d Services have been read, want 60", steps, len(s.read))
		}
	})
}

// Services that go while they wait for their turn hold up nothing.
func TestServicesThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scan := New(period, &shelf{services: 60, gone: true})
		scan.Begin(time.Now())
		if _, drift, pass := second(t, scan); drift > 0 || pass {
			t.Errorf("drift %d, pass %t", drift, pass)
		}
	})
}

// What the kernel tells of in a crowd is read once, and not more than once a second.
// What the daemon itself has changed is no news.
func TestTold(t *testing.T) {
	var told Told
	now, addr := time.Unix(100, 0), netip.MustParseAddr("10.96.0.1")
	held := func(netip.Addr) bool { return true }
	note := func(of state.Changed, wait time.Duration, first bool) {
		t.Helper()
		if w, f := told.Note(of, held, now); f != first || f && w != wait {
			t.Errorf("%+v: read after %s, first %t; want %s, %t", of, w, f, wait, first)
		}
	}
	note(state.Changed{Addresses: map[netip.Addr]bool{addr: true}}, 0, false)
	note(state.Changed{Addresses: map[netip.Addr]bool{addr: false}}, gathering, true)
	note(state.Changed{Rules: true, NodeAddresses: true}, 0, false)
	if got := told.Take(now); !got.Constant || !got.Addresses || !got.Node {
		t.Errorf("taken: %+v, want all", got)
	}
	note(state.Changed{Device: true}, between, true)
	if got := told.Take(now); !got.Constant || !got.Addresses || got.Node {
		t.Errorf("taken: %+v, want the device and its addresses", got)
	}
	now = now.Add(time.Minute)
	note(state.Changed{NodeAddresses: true}, gathering, true)
}
