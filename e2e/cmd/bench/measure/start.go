//go:build linux

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

const (
	// askTimeout is short: before there is a Service, its address leads
	// nowhere, and the kernel's next try of a connection would come a second
	// later.
	askTimeout  = 400 * time.Millisecond
	scrapePause = 100 * time.Millisecond
)

// coldStart starts the proxy on an empty kernel.
func (b *bench) coldStart() error {
	s, err := b.start(b.job.StartLimit)
	if err != nil {
		return err
	}
	b.cell.Start = s
	if s.Over == 0 {
		b.say("first answer after %v s, settled after %v s", s.First, s.Settled)
		err = b.settleDown()
	}
	var failed error
	b.cell.Memory, failed = b.proxy.memory()
	return errors.Join(err, failed)
}

// restart starts the proxy again: the kernel is as it should be.
func (b *bench) restart() (err error) {
	if err := b.proxy.stop(); err != nil {
		return err
	}
	if b.cell.Restart, err = b.start(b.job.StartLimit); err != nil {
		return err
	}
	b.say("restarted: settled after %v s", b.cell.Restart.Settled)
	return b.settleDown()
}

// settleDown waits until what comes after a start is over, so that the next
// figure is not about it.
func (b *bench) settleDown() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.proxy.quiet(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return b.proxy.Alive()
}

func (b *bench) start(limit time.Duration) (*figures.Start, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	execs, begin := b.execs.n.Load(), time.Now()
	if err := b.proxy.start(); err != nil {
		return nil, err
	}
	ctx, cancel = b.proxy.WhileItRuns(ctx)
	defer cancel()
	first, settled := b.served(ctx, begin)
	if err := b.proxy.Alive(); err != nil {
		return nil, err
	}
	used, err := b.proxy.cpu()
	if err != nil {
		return nil, err
	}
	s := &figures.Start{First: seconds(first), Settled: seconds(settled), CPU: seconds(used)}
	if ctx.Err() != nil {
		s.Settled, s.Over = 0, seconds(limit)
	}
	if s.Writes, err = b.proxy.rowsWritten(); err != nil {
		return nil, err
	}
	s.Processes, err = b.execs.since(execs + 1) // the proxy itself is one
	return s, err
}

// served asks all probes until each has answered, and the proxy until it says
// that it is done. First is 0 when none has.
func (b *bench) served(ctx context.Context, begin time.Time) (first, all time.Duration) {
	var mu sync.Mutex
	var asking sync.WaitGroup
	for probe := range b.probes {
		asking.Go(func() {
			time.Sleep(time.Duration(probe) * askTimeout / time.Duration(len(b.probes)))
			answered := until(ctx, begin, 10*time.Millisecond, func() bool {
				_, err := b.ask(probe, askTimeout)
				return err == nil
			})
			mu.Lock()
			defer mu.Unlock()
			if now := time.Since(begin); answered && (first == 0 || now < first) {
				first = now
			}
		})
	}
	asking.Go(func() { until(ctx, begin, scrapePause, b.proxy.synced) })
	asking.Wait()
	return first, time.Since(begin)
}
