package driftscan

import (
	"context"
	"time"
)

// What reading may cost. Between two steps whatever has moved is served, so a step
// is as long as a change may have to wait.
const (
	Pause = time.Second // between two batches

	stepTime   = 10 * time.Millisecond // of the step that reads Services
	atOnce     = 4                     // Services that are asked for together
	perService = 16 * time.Millisecond // a round is not faster than this: 160 s for 10,000
)

// Step reads a part, and tells, by kind, how much of it others have changed, and
// whether a pass is to follow.
type Step func(context.Context) (drift map[string]int, pass bool)

// Reader is what is read. S names Services.
type Reader[S any] interface {
	// Steps read everything but the real servers, in this order.
	Steps() []Step
	// Services are those whose real servers are to be read, always in one order, so
	// that from turn to turn it is a round for each.
	Services() []S
	// Count is about how many there are.
	Count() int
	// Batch reads the real servers of some Services, and tells, by kind, how many rows
	// others have changed: no kind without any.
	Batch(ctx context.Context, some []S) (drift map[string]int)
}

// Scan is how far the daemon has come in comparing.
type Scan[S any] struct {
	period  time.Duration
	reader  Reader[S]
	begun   time.Time // the last reading of the rest
	steps   []Step    // of the rest, those that are left
	round   []S       // Services that have not had their turn
	batch   int       // Services that are left of this second's batch
	urgent  int       // Services that are to be read without a pause
	mayUrge bool      // once in a period
}

// New returns a Scan that has not begun.
func New[S any](period time.Duration, reader Reader[S]) *Scan[S] {
	return &Scan[S]{period: period, reader: reader}
}

// Begin is called when all has just been read.
func (s *Scan[S]) Begin(now time.Time) { s.begun, s.mayUrge = now, true }

// Urgent is called where drift was found in a Step, or where the kernel told of it.
func (s *Scan[S]) Urgent() {
	if s.mayUrge {
		s.urgent, s.mayUrge = s.reader.Count(), false
	}
}

// Next takes the next step, and tells what it found, whether a pass is to follow, and
// after what pause comes the step after it.
func (s *Scan[S]) Next(ctx context.Context) (drift map[string]int, pass bool, pause time.Duration) {
	if len(s.steps) > 0 {
		step := s.steps[0]
		s.steps = s.steps[1:]
		drift, pass = step(ctx)
		return drift, pass || len(drift) > 0, 0
	}
	if s.batch == 0 {
		s.batch = batch(s.reader.Count(), s.period)
	}
	drift = s.readServices(ctx)
	if s.batch == 0 && s.urgent == 0 {
		pause = min(Pause, s.period)
		// Only now: if reading all the rest takes longer than a period,
		// Services still have their turn.
		if now := time.Now(); now.Sub(s.begun) >= s.period {
			s.Begin(now)
			s.steps, pause = s.reader.Steps(), 0
		}
	}
	return drift, len(drift) > 0, pause
}

// batch is the number of Services that are read in a second.
func batch(services int, period time.Duration) int {
	round := max(period, time.Duration(services)*perService)
	return int((time.Duration(services)*Pause + round - 1) / round)
}

// readServices reads the next few Services.
func (s *Scan[S]) readServices(ctx context.Context) map[string]int {
	found := map[string]int{}
	for begin := time.Now(); s.batch+s.urgent > 0 && time.Since(begin) < stepTime; {
		if len(s.round) == 0 {
			s.round = s.reader.Services()
		}
		if len(s.round) == 0 {
			s.batch, s.urgent = 0, 0
			break
		}
		n := min(atOnce, len(s.round), max(s.batch, s.urgent))
		for kind, rows := range s.reader.Batch(ctx, s.round[:n]) {
			found[kind] += rows
			s.Urgent()
		}
		s.round, s.batch, s.urgent = s.round[n:], max(0, s.batch-n), max(0, s.urgent-n)
	}
	return found
}
