package proxier

import (
	"context"
	"math/rand/v2"
	"time"
)

// loop makes a pass whenever there is a reason to.
func (p *Proxier) loop(ctx context.Context) {
	p.reading.begun, p.reading.mayRush = time.Now(), true
	c := newClocks()
	defer c.stop()
	defer p.errands.end()
	for {
		p.health.Resting()
		drift, pass := p.await(ctx, c)
		switch {
		case ctx.Err() != nil && !pass:
			return
		case !pass:
			continue
		}
		p.health.Working(time.Now())
		// A pass that has begun is finished also when ctx ends.
		r := p.sync(context.WithoutCancel(ctx))
		r.drift = drift
		p.report(r)
		p.takeOver(ctx)
		if c.last.IsZero() {
			collectOften()
		}
		giveBack(r.planned)
		if c.last = time.Now(); p.tables.due() > 0 || p.lookAgain {
			c.later.Reset(c.retries.next())
		} else {
			c.retries.reset()
		}
		p.wakeForDrains(c.drains)
	}
}

// clocks say when the loop is to do something of its own accord.
type clocks struct {
	reading *time.Timer // the next step of reading back
	touched *time.Timer // a look at what the kernel has told of
	later   *time.Timer // a pass: the first one, and those that are put off
	drains  *time.Timer // the next look at what drains
	retries backoff
	last    time.Time // the end of the last pass
}

func newClocks() *clocks {
	c := &clocks{
		reading: time.NewTimer(readingPause), touched: time.NewTimer(time.Hour), later: time.NewTimer(0), drains: time.NewTimer(0),
	}
	c.touched.Stop()
	return c
}

func (c *clocks) stop() {
	for _, t := range []*time.Timer{c.reading, c.touched, c.later, c.drains} {
		t.Stop()
	}
}

// await waits for something to do, and tells whether that is a pass, and what
// reading back has found.
func (p *Proxier) await(ctx context.Context, c *clocks) (drift map[string]int, pass bool) {
	select {
	case <-ctx.Done():
	case <-p.changes.Wake():
		p.health.Queued(time.Now())
		p.metrics.answers.queued.SetToCurrentTime()
		if wait := p.cfg.MinSyncPeriod - time.Since(c.last); wait > 0 {
			c.later.Reset(wait)
			return drift, false
		}
		return drift, true
	case <-p.kernel.Changed():
		p.noteTouched(p.kernel.TakeChanged(), c.touched)
	case <-c.touched.C:
		p.health.Working(time.Now())
		drift = p.lookWhereTouched(ctx)
		return drift, len(drift) > 0 || p.again || p.lookAgain
	case <-c.reading.C:
		p.health.Working(time.Now())
		var pause time.Duration
		drift, pass, pause = p.readOn(ctx)
		c.reading.Reset(pause)
		return drift, pass
	case <-c.later.C:
		return drift, true
	case <-c.drains.C:
		return drift, true
	case do := <-p.inLoop:
		do()
	case then := <-p.errands.done:
		p.health.Working(time.Now())
		return p.errands.conclude(ctx, then)
	case f := <-p.flows.done:
		if p.flowsForgotten(f) {
			p.forgetFlows(ctx)
		} else {
			c.later.Reset(c.retries.next())
		}
	}
	return drift, false
}

// backoff spaces retries of what has failed.
type backoff struct{ wait time.Duration }

const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// next is up to a fifth shorter than it might be, so that the nodes of a cluster
// do not all try at a time.
func (b *backoff) next() time.Duration {
	b.wait = min(max(2*b.wait, firstRetry), lastRetry)
	return b.wait - rand.N(b.wait/5)
}

func (b *backoff) reset() { b.wait = 0 }
