package drain

import (
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Service is what one Service says of real servers on their way out.
type Service struct {
	// Timeout is how long at most a real server is kept whose endpoint has
	// vanished, is not ready or is not chosen. Zero: no connection of this
	// Service is waited for.
	Timeout time.Duration

	// Terminating are the real servers whose endpoints terminate: they are
	// kept for as long as those do, and not a moment longer.
	Terminating map[state.RealServer]state.None
}

// World is what the tables say, with all claims of the pass in.
type World[O comparable] struct {
	Orphans []state.RealServer                  // held and wanted by no Service
	Lost    []state.RealServer                  // claimed for draining and not held any more
	Holder  func(state.VirtualServer) (O, bool) // the Service that is served there, if any
	Held    func(state.RealServer) bool         // by the kernel
	Wanted  func(state.RealServer) (again bool) // by a Service
}

// End is how a real server has ceased to drain.
type End string

// The ends.
const (
	Returned End = "returned" // its Service wants it again, or it is not there any more
	Finished End = "finished" // its endpoint had terminated and is gone
	Idle     End = "idle"     // it had no connection left
	TimedOut End = "timeout"  // it still had some, or they could not be counted
	Closed   End = "closed"   // its Service is no longer served there
)

// Servers are the real servers that drain. O names Services. What a pass costs
// goes with what has happened since the last, not with how many drain.
type Servers[O comparable] struct {
	services map[O]Service
	leaving  map[state.RealServer]*stay[O]
	of       map[O][]state.RealServer        // the leaving ones of a Service
	over     map[state.RealServer]state.None // held still, but not to be kept
	ends     map[End]int

	noted map[O]state.None // Services that have said something since they were settled
	next  time.Time        // nothing is due before; zero: never
	come  []state.RealServer
	gone  []state.RealServer
}

// stay is how one real server drains.
type stay[O comparable] struct {
	of    O
	since time.Time
	ask   time.Time     // for its connections, not before this
	wait  time.Duration // from the last question to the next
}

// Connections are asked for soon, and less often the longer they last.
const (
	firstWait = time.Second
	lastWait  = 30 * time.Second
)

// round is the distance of the moments at which they are asked for: servers that
// leave one after the other are asked for together, in one pass.
const round = 500 * time.Millisecond

// soonest is the first such moment that is not before wait is over. It keeps the
// monotonic clock's reading: Truncate would not.
func soonest(now time.Time, wait time.Duration) time.Time {
	at := now.Add(wait)
	return at.Add((round - time.Duration(at.UnixNano())%round) % round)
}

// New returns Servers of which none drains.
func New[O comparable]() *Servers[O] {
	return &Servers[O]{
		services: map[O]Service{},
		leaving:  map[state.RealServer]*stay[O]{},
		of:       map[O][]state.RealServer{},
		noted:    map[O]state.None{},
		over:     map[state.RealServer]state.None{},
		ends:     map[End]int{},
	}
}

// Note replaces what a Service says. Lost are real servers that it had where it
// is no longer served: the connections of a Service that is served there next are
// not its own.
func (s *Servers[O]) Note(of O, says Service, lost []state.RealServer) {
	for rs := range s.services[of].Terminating {
		if _, still := says.Terminating[rs]; !still {
			s.end(rs, Finished)
		}
	}
	for _, rs := range lost {
		s.end(rs, Closed)
	}
	s.services[of] = says
	s.noted[of] = state.None{}
}

// Forget is about a Service that is gone.
func (s *Servers[O]) Forget(of O) { delete(s.services, of) }

// Settle takes in real servers that begin to drain and lets go of those that
// end.
func (s *Servers[O]) Settle(now time.Time, w World[O]) {
	for rs := range s.over {
		if !w.Held(rs) || w.Wanted(rs) {
			delete(s.over, rs)
		}
	}
	for _, rs := range w.Lost {
		s.leave(rs, Returned)
	}
	for svc := range s.noted {
		for _, rs := range slices.Clone(s.of[svc]) {
			s.judge(rs, now, w)
		}
	}
	clear(s.noted)
	if !s.next.IsZero() && !now.Before(s.next) {
		s.next = time.Time{}
		for rs := range s.leaving {
			s.judge(rs, now, w)
		}
	}
	for _, rs := range w.Orphans {
		s.begin(rs, now, w)
	}
}

// judge looks whether one that drains has come to an end, and if not, when to
// look again.
func (s *Servers[O]) judge(rs state.RealServer, now time.Time, w World[O]) {
	stay := s.leaving[rs]
	holder, served := w.Holder(rs.VirtualServer)
	switch {
	case !w.Held(rs) || w.Wanted(rs):
		s.leave(rs, Returned)
	case !served || holder != stay.of:
		s.end(rs, Closed)
	case s.limited(rs, stay) && !now.Before(stay.since.Add(s.services[stay.of].Timeout)):
		s.end(rs, TimedOut)
	default:
		s.look(rs, stay)
	}
}

// begin has an orphan drain, unless its time is over already.
func (s *Servers[O]) begin(rs state.RealServer, now time.Time, w World[O]) {
	if _, over := s.over[rs]; over {
		return
	}
	// Flows of UDP find another server by themselves, and associations of
	// SCTP are not known to outlive weight 0.
	holder, served := w.Holder(rs.VirtualServer)
	if !served || s.services[holder].Timeout == 0 || rs.VirtualServer.Protocol != state.TCP {
		s.over[rs] = state.None{}
		return
	}
	stay := &stay[O]{of: holder, since: now, ask: soonest(now, firstWait), wait: firstWait}
	s.leaving[rs] = stay
	s.of[holder] = append(s.of[holder], rs)
	s.come = append(s.come, rs)
	s.look(rs, stay)
}

// leave forgets one that drains, if it does.
func (s *Servers[O]) leave(rs state.RealServer, how End) {
	stay, leaving := s.leaving[rs]
	if !leaving {
		return
	}
	delete(s.leaving, rs)
	rest := slices.DeleteFunc(s.of[stay.of], func(other state.RealServer) bool { return other == rs })
	if s.of[stay.of] = rest; len(rest) == 0 {
		delete(s.of, stay.of)
	}
	s.gone = append(s.gone, rs)
	s.ends[how]++
}

// end lets go of rs, which is then deleted with its connections. It is
// remembered until it is gone, so that one whose deletion fails does not drain
// again.
func (s *Servers[O]) end(rs state.RealServer, how End) {
	s.leave(rs, how)
	s.over[rs] = state.None{}
}

// look has rs looked at again when something about it is due.
func (s *Servers[O]) look(rs state.RealServer, stay *stay[O]) {
	if !s.limited(rs, stay) {
		return
	}
	for _, at := range []time.Time{stay.ask, stay.since.Add(s.services[stay.of].Timeout)} {
		if s.next.IsZero() || at.Before(s.next) {
			s.next = at
		}
	}
}

// limited tells whether a real server may be kept only for some time: the life
// of an endpoint that terminates is limited already, by its grace period.
func (s *Servers[O]) limited(rs state.RealServer, stay *stay[O]) bool {
	says := s.services[stay.of]
	_, terminating := says.Terminating[rs]
	return !terminating || says.Timeout == 0
}

// Ask names those whose connections are to be counted now. It comes after
// Settle.
func (s *Servers[O]) Ask(now time.Time) (all []state.RealServer) {
	if s.next.IsZero() || now.Before(s.next) {
		return nil
	}
	s.next = time.Time{}
	for rs, stay := range s.leaving {
		if s.limited(rs, stay) && !now.Before(stay.ask) {
			stay.wait = min(2*stay.wait, lastWait)
			stay.ask = soonest(now, stay.wait)
			all = append(all, rs)
		}
		s.look(rs, stay)
	}
	return all
}

// Counted takes the answer: those without a connection have drained.
func (s *Servers[O]) Counted(connections map[state.RealServer]int) {
	for rs, n := range connections {
		if _, leaving := s.leaving[rs]; leaving && n == 0 {
			s.end(rs, Idle)
		}
	}
}

// Changed tells which have begun to drain, and are to be claimed at weight 0, and
// which have ended, since it was last asked. One may have done both: it has ended.
func (s *Servers[O]) Changed() (come, gone []state.RealServer) {
	come, gone = s.come, s.gone
	s.come, s.gone = nil, nil
	return come, gone
}

// Next is when to settle again at the latest; ok is false if nothing waits for
// the time to pass.
func (s *Servers[O]) Next() (at time.Time, ok bool) {
	return s.next, !s.next.IsZero() && len(s.leaving) > 0
}

// Draining is how many drain.
func (s *Servers[O]) Draining() int { return len(s.leaving) }

// Ended counts how real servers have ceased to drain since it was last asked.
func (s *Servers[O]) Ended() map[End]int {
	ended := s.ends
	s.ends = map[End]int{}
	return ended
}
