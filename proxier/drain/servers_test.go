package drain

import (
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var (
	start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	web   = state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	old   = state.RealServer{VirtualServer: web, Addr: netip.MustParseAddrPort("10.244.1.1:8080")}
)

func after(d time.Duration) time.Time { return start.Add(d) }

// world is one real server in all its states.
type world struct {
	orphan, held, wanted bool
	holder               string // empty: none
}

func (w world) settle(s *watchedServers, now time.Time) {
	seen := World[string]{
		Holder: func(state.VirtualServer) (string, bool) { return w.holder, w.holder != "" },
		Held:   func(state.RealServer) bool { return w.held },
		Wanted: func(state.RealServer) bool { return w.wanted },
	}
	if w.orphan {
		seen.Orphans = []state.RealServer{old}
	}
	if !w.held {
		seen.Lost = []state.RealServer{old}
	}
	s.Settle(now, seen)
}

// moves is settle after the Service has been planned again.
func (w world) moves(s *watchedServers, says Service) {
	s.Note("web", says, nil)
	w.settle(s, start)
}

var (
	orphaned = world{orphan: true, held: true, holder: "web"}
	kept     = world{held: true, holder: "web"}
)

// watchedServers knows which rows are claimed for those that drain, as the table
// does.
type watchedServers struct {
	*Servers[string]
	claimed map[state.RealServer]state.None
}

func watched() *watchedServers {
	return &watchedServers{New[string](), map[state.RealServer]state.None{}}
}

func (s *watchedServers) Rows() map[state.RealServer]state.None {
	come, gone := s.Changed()
	for _, rs := range gone {
		delete(s.claimed, rs)
	}
	for _, rs := range come {
		s.claimed[rs] = state.None{}
	}
	return s.claimed
}

func has[K comparable, V any](m map[K]V, k K) bool {
	_, there := m[k]
	return there
}

var terminating = map[state.RealServer]state.None{old: {}}

// Each case begins with a real server that drains since the start and may for a
// quarter of an hour.
func TestEnds(t *testing.T) {
	const limit = 15 * time.Minute
	for name, c := range map[string]struct {
		then func(*watchedServers)
		end  End // empty: it drains still
	}{
		"nothing happens":      {func(s *watchedServers) { kept.settle(s, after(limit-1)) }, ""},
		"time is up":           {func(s *watchedServers) { kept.settle(s, after(limit)) }, TimedOut},
		"connections are left": {func(s *watchedServers) { s.Counted(map[state.RealServer]int{old: 1}) }, ""},
		"none is left":         {func(s *watchedServers) { s.Counted(map[state.RealServer]int{old: 0}) }, Idle},
		"others have none":     {func(s *watchedServers) { s.Counted(map[state.RealServer]int{{VirtualServer: web}: 0}) }, ""},
		"it is wanted again": {func(s *watchedServers) {
			world{held: true, wanted: true, holder: "web"}.moves(s, Service{Timeout: limit})
		}, Returned},
		"another program has removed it":  {func(s *watchedServers) { world{holder: "web"}.settle(s, start) }, Returned},
		"the Service is gone":             {func(s *watchedServers) { world{held: true}.moves(s, Service{Timeout: limit}) }, Closed},
		"another Service is served there": {func(s *watchedServers) { world{held: true, holder: "other"}.moves(s, Service{Timeout: limit}) }, Closed},
		"its Service is served elsewhere": {func(s *watchedServers) { s.Note("web", Service{Timeout: limit}, []state.RealServer{old}) }, Closed},
		"its Service is given less time": {func(s *watchedServers) {
			s.Note("web", Service{Timeout: time.Minute}, nil)
			kept.settle(s, after(time.Minute))
		}, TimedOut},
		"its Service is given no time": {func(s *watchedServers) { s.Note("web", Service{}, nil); kept.settle(s, start) }, TimedOut},
		"its Service is given more time": {func(s *watchedServers) {
			s.Note("web", Service{Timeout: time.Hour}, nil)
			kept.settle(s, after(limit))
		}, ""},
		"it terminates, for hours": {func(s *watchedServers) {
			s.Note("web", Service{limit, terminating}, nil)
			kept.settle(s, after(9*limit))
		}, ""},
		"it has terminated": {func(s *watchedServers) {
			s.Note("web", Service{limit, terminating}, nil)
			s.Note("web", Service{limit, nil}, nil)
		}, Finished},
		"it terminates and there is no time": {func(s *watchedServers) { s.Note("web", Service{0, terminating}, nil); kept.settle(s, start) }, TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			s := watched()
			s.Note("web", Service{Timeout: limit}, nil)
			orphaned.settle(s, start)
			if got := s.Rows(); len(got) != 1 || !has(got, old) {
				t.Fatalf("rows %v, want %s", got, old)
			}
			c.then(s)
			want := map[End]int{}
			if c.end != "" {
				want[c.end] = 1
			}
			if got := s.Ended(); !maps.Equal(got, want) || len(s.Rows()) != 1-len(want) || s.Draining() != len(s.Rows()) {
				t.Errorf("ended %v, %d drain; want %v", got, s.Draining(), want)
			}
			if len(s.Ended()) > 0 {
				t.Error("ends are told twice")
			}
		})
	}
}

func TestWhatDoesNotDrain(t *testing.T) {
	udp := old
	udp.VirtualServer.Protocol = state.UDP
	for name, c := range map[string]struct {
		rs     state.RealServer
		says   Service
		holder string
	}{
		"UDP":                 {udp, Service{Timeout: time.Hour}, "web"},
		"no Service is there": {old, Service{Timeout: time.Hour}, ""},
		"no time is given":    {old, Service{}, "web"},
		"it has terminated":   {old, Service{Timeout: time.Hour, Terminating: terminating}, "web"},
	} {
		t.Run(name, func(t *testing.T) {
			s := watched()
			s.Note("web", c.says, nil)
			s.Note("web", Service{Timeout: c.says.Timeout}, nil)
			seen := World[string]{
				Orphans: []state.RealServer{c.rs},
				Holder:  func(state.VirtualServer) (string, bool) { return c.holder, c.holder != "" },
				Held:    func(state.RealServer) bool { return true },
				Wanted:  func(state.RealServer) bool { return false },
			}
			for range 2 { // its deletion may fail
				if s.Settle(start, seen); len(s.Rows()) > 0 {
					t.Errorf("%v drain", s.Rows())
				}
			}
			if _, wait := s.Next(); wait {
				t.Error("something is waited for")
			}
		})
	}
}

// One whose deletion fails does not drain again, and one that was deleted and
// made again does.
func TestAnEndIsRemembered(t *testing.T) {
	s := watched()
	s.Note("web", Service{Timeout: time.Minute}, nil)
	orphaned.settle(s, start)
	s.Counted(map[state.RealServer]int{old: 0})
	if orphaned.settle(s, start); s.Draining() != 0 {
		t.Error("it drains again although it only waits for its deletion")
	}
	world{holder: "web"}.settle(s, start)
	if orphaned.settle(s, start); s.Draining() != 1 {
		t.Error("it does not drain although it is another one")
	}
}

// Those that leave one after the other are asked for together.
func TestAskedTogether(t *testing.T) {
	s := watched()
	s.Note("web", Service{Timeout: time.Hour}, nil)
	later := old
	later.Addr = netip.MustParseAddrPort("10.244.1.2:8080")
	for rs, at := range map[state.RealServer]time.Duration{old: time.Millisecond, later: 400 * time.Millisecond} {
		s.Settle(after(at), World[string]{
			Orphans: []state.RealServer{rs},
			Holder:  func(state.VirtualServer) (string, bool) { return "web", true },
			Held:    func(state.RealServer) bool { return true },
			Wanted:  func(state.RealServer) bool { return false },
		})
	}
	at, ok := s.Next()
	if want := after(1500 * time.Millisecond); !ok || !at.Equal(want) {
		t.Errorf("next is %s, %t; want %s", at, ok, want)
	}
	if asked := s.Ask(at); len(asked) != 2 {
		t.Errorf("asked for %v, want both", asked)
	}
}

// Connections are asked for after 1, 2, 4 … 30 seconds, and not at all of what
// terminates.
func TestAsk(t *testing.T) {
	s := watched()
	s.Note("web", Service{Timeout: 90 * time.Second}, nil)
	orphaned.settle(s, start)
	var asked []time.Duration
	for at := time.Duration(0); ; at += time.Second {
		kept.settle(s, after(at))
		if s.Draining() == 0 {
			break
		}
		if len(s.Ask(after(at))) > 0 {
			asked = append(asked, at/time.Second)
		}
		if next, ok := s.Next(); !ok || !next.After(after(at)) {
			t.Fatalf("at %s the next is %s, %t", at, next, ok)
		}
	}
	if want := []time.Duration{1, 3, 7, 15, 31, 61}; !slices.Equal(asked, want) {
		t.Errorf("asked after %d seconds, want %d", asked, want)
	}

	orphaned.settle(s, after(2*time.Minute)) // remembered
	world{holder: "web"}.settle(s, start)
	s.Note("web", Service{Timeout: time.Minute, Terminating: terminating}, nil)
	orphaned.settle(s, start)
	if s.Draining() != 1 || len(s.Ask(after(time.Hour))) > 0 {
		t.Errorf("%d drain, and one that terminates is asked", s.Draining())
	}
	if _, wait := s.Next(); wait {
		t.Error("one that terminates is waited for")
	}
}
