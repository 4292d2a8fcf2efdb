package proxier

import (
	"context"
	"maps"
	"time"
)

// What reading back may cost. Between two steps whatever has moved is served,
// so a step is as long as a change may have to wait.
const (
	readingPause = time.Second
	stepTime     = 10 * time.Millisecond // of the step that reads Services
	atOnce       = 4                     // Services that are asked for together
	perService   = 16 * time.Millisecond // a round is not faster than this: 160 s for 10,000
)

// reading is how far the daemon has come in reading back what the kernel holds.
// The real servers are most of it; they are asked for Service by Service, a
// portion each second, so that a round takes one sync period, or longer in a
// large cluster. All the rest is read whole, once a period.
type reading struct {
	begun   time.Time                              // the last whole reading
	steps   []func(context.Context) map[string]int // of what is read whole, those that are left
	round   []owner                                // Services that have not had their turn
	portion int                                    // Services that are left of this second's portion
	rush    int                                    // Services that are to be read without a pause
	mayRush bool                                   // once in a sync period
}

// beginReading has everything but the real servers read.
func (p *Proxier) beginReading(now time.Time) {
	p.reading.begun, p.reading.mayRush = now, true
	p.reading.steps = []func(context.Context) map[string]int{p.prepare, p.setSysctls}
	for _, t := range p.tables.inOrder() {
		if t != p.tables.realServers {
			p.reading.steps = append(p.reading.steps, func(ctx context.Context) map[string]int {
				return p.read(p.observe(ctx, []table{t}))
			})
		}
	}
	p.reading.steps = append(p.reading.steps, p.askAgainForSchedulers, p.lookForKubeProxy, func(context.Context) map[string]int {
		p.lookAgain = true
		return nil
	})
}

// prepare has what never varies made sure of.
func (p *Proxier) prepare(ctx context.Context) map[string]int {
	p.errands.send(ctx, errand{"prepare the kernel", func(ctx context.Context) conclusion {
		mended, err := p.kernel.Prepare(ctx)
		return func(ctx context.Context) (drift map[string]int, pass bool) {
			if err != nil && ctx.Err() == nil {
				p.fail("prepare the kernel", err)
			}
			return mended, len(mended) > 0
		}
	}})
	return nil
}

// setSysctls may be what a container is not allowed to: that is told, and is no
// reason to leave anything else undone.
func (p *Proxier) setSysctls(ctx context.Context) (drift map[string]int) {
	set, err := p.kernel.Sysctls(ctx)
	if err != nil {
		p.fail("set sysctls", err)
	}
	if set > 0 {
		drift = map[string]int{"sysctl": set}
	}
	return drift
}

// read is the outcome of one step: the rows that had changed behind our back.
// Where there is one there may be more.
func (p *Proxier) read(drift map[string]int, err error) map[string]int {
	if err != nil {
		p.fail("read the kernel", err)
	}
	maps.DeleteFunc(drift, func(_ string, rows int) bool { return rows == 0 })
	if len(drift) > 0 && p.reading.mayRush {
		p.reading.rush, p.reading.mayRush = len(p.services.all), false
	}
	return drift
}

// readOn takes the next step, and tells what it found, whether a pass is to
// follow, and after what pause comes the step after it.
func (p *Proxier) readOn(ctx context.Context) (drift map[string]int, pass bool, pause time.Duration) {
	r := &p.reading
	if len(r.steps) > 0 {
		step := r.steps[0]
		r.steps = r.steps[1:]
		drift = step(ctx)
		return drift, len(drift) > 0 || p.lookAgain || p.again, 0
	}
	if r.portion == 0 {
		r.portion = p.portion()
	}
	drift = p.readServices(ctx)
	if r.portion == 0 && r.rush == 0 {
		pause = min(readingPause, p.cfg.SyncPeriod)
		// Only now: if reading all the rest takes longer than a period,
		// Services still have their turn.
		if now := time.Now(); now.Sub(r.begun) >= p.cfg.SyncPeriod {
			p.beginReading(now)
			pause = 0
		}
	}
	return drift, len(drift) > 0, pause
}

// portion is the number of Services that are read in a second.
func (p *Proxier) portion() int {
	services := len(p.services.all)
	round := max(p.cfg.SyncPeriod, time.Duration(services)*perService)
	return int((time.Duration(services)*readingPause + round - 1) / round)
}

// readServices reads back the next few Services.
func (p *Proxier) readServices(ctx context.Context) map[string]int {
	r := &p.reading
	found := map[string]int{}
	for begin := time.Now(); r.portion+r.rush > 0 && time.Since(begin) < stepTime; {
		if len(r.round) == 0 {
			// Always in one order, so that from turn to turn it is a round for each.
			r.round = p.services.named()
		}
		n := min(atOnce, len(r.round), max(r.portion, r.rush))
		drift, err := p.tables.look(ctx, r.round[:n])
		p.noteRead(p.tables.realServers.Name(), err)
		for kind, rows := range p.read(drift, err) {
			found[kind] += rows
		}
		r.round, r.portion, r.rush = r.round[n:], max(0, r.portion-n), max(0, r.rush-n)
	}
	return found
}
