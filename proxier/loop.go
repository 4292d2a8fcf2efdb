package proxier

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/driftscan"
)

// loop makes a pass whenever there is a reason to.
func (p *Proxier) loop(ctx context.Context) {
	p.scan.Begin(time.Now())
	c := newClocks()
	defer c.stop()
	defer p.queue.Wait()
	for {
		p.with.Health.Resting()
		drift, pass := p.await(ctx, c)
		switch {
		case ctx.Err() != nil && !pass:
			return
		case !pass:
			continue
		}
		p.with.Health.Working(time.Now())
		// A pass that has begun is finished also when ctx ends.
		r := p.sync(context.WithoutCancel(ctx))
		r.Drift = drift
		p.report(r)
		if !p.tables.broken() {
			p.takeover.AfterPass(ctx)
		}
		if c.last.IsZero() {
			collectOften()
		}
		giveBack(r.Planned)
		if c.last = time.Now(); p.tables.due() > 0 || p.node.stale {
			c.later.Reset(c.retries.next())
		} else {
			c.retries.reset()
		}
		p.wakeForDrains(c.drains)
	}
}

// clocks say when the loop is to do something of its own accord.
type clocks struct {
	scan    *time.Timer // the next step of reading back
	told    *time.Timer // the reading of what the kernel has told of
	later   *time.Timer // a pass: the first one, and those that are put off
	drains  *time.Timer // the next look at what drains
	retries backoff
	last    time.Time      // the end of the last pass
	toldOf  driftscan.Told // by the kernel
}

func newClocks() *clocks {
	c := &clocks{
		scan: time.NewTimer(driftscan.Pause), told: time.NewTimer(time.Hour), later: time.NewTimer(0), drains: time.NewTimer(0),
	}
	c.told.Stop()
	return c
}

func (c *clocks) stop() {
	for _, t := range []*time.Timer{c.scan, c.told, c.later, c.drains} {
		t.Stop()
	}
}

// await waits for something to do, and tells whether that is a pass, and what
// reading back has found.
func (p *Proxier) await(ctx context.Context, c *clocks) (drift map[string]int, pass bool) {
	select {
	case <-ctx.Done():
	case <-p.with.Changes.Wake():
		p.with.Health.Queued(time.Now())
		p.telemetry.Queued()
		if wait := p.cfg.MinSyncPeriod - time.Since(c.last); wait > 0 {
			c.later.Reset(wait)
			return drift, false
		}
		return drift, true
	case <-p.with.Kernel.Changed():
		if wait, first := c.toldOf.Note(p.with.Kernel.TakeChanged(), p.tables.addresses.Holds, time.Now()); first {
			c.told.Reset(wait)
		}
	case <-c.told.C:
		p.with.Health.Working(time.Now())
		return p.readToldOf(ctx, c.toldOf.Take(time.Now()))
	case <-c.scan.C:
		p.with.Health.Working(time.Now())
		var pause time.Duration
		drift, pass, pause = p.scan.Next(ctx)
		c.scan.Reset(pause)
		return drift, pass
	case <-c.later.C:
		return drift, true
	case <-c.drains.C:
		return drift, true
	case do := <-p.inLoop:
		do()
	case then := <-p.queue.Done():
		p.with.Health.Working(time.Now())
		return p.queue.Conclude(ctx, then)
	case l := <-p.services.flows.Done():
		if p.flowsForgotten(l) {
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

// garbagePercent is how much garbage may lie about after the first pass: half of
// Go's own. What is kept of a large cluster is then many times what a change
// throws away, so that memory is dear and collecting cheap. At the start much is
// thrown away while all clients wait.
const garbagePercent = 50

// collectOften leaves it to who has set GOGC. GOMEMLIMIT holds in any case.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// giveBack returns to the machine what planning all of a cluster, and reading
// all of the kernel back, has taken: several times what is kept. The runtime
// would do so in minutes.
func giveBack(planned int) {
	if planned > portionServices {
		go debug.FreeOSMemory()
	}
}
