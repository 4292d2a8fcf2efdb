//go:build linux

package main

import (
	"context"
	"errors"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

const (
	moveLimit  = time.Minute
	probePause = 250 * time.Millisecond // from one move to the next during churn

	// From one question to the next, at least. During churn, when the proxy is to
	// have the processors, a move is not timed as closely.
	askPause   = 4 * time.Millisecond
	churnPause = 20 * time.Millisecond
)

// moved is one probe's endpoint moved: how long until a new connection reached
// the new one, and how much of that the write to the API took.
type moved struct{ latency, write time.Duration }

var errTooLong = errors.New("not served in time")

// move moves a probe's endpoint and asks until the new one answers. After
// moveLimit it gives up with errTooLong. No client asks before the API has
// answered: in an emulated machine a question takes as much processor time as the
// proxy does for all of the change.
func (b *bench) move(probe int, pause time.Duration) (m moved, err error) {
	b.at[probe] = 1 - b.at[probe]
	to := b.job.At[b.at[probe]]
	pod := b.podAt(to)
	ctx, cancel := context.WithTimeout(context.Background(), moveLimit)
	defer cancel()
	begin := time.Now()
	if err := b.outer.Move(desk.Move{Probe: probe, To: to}); err != nil {
		return m, err
	}
	m.write = time.Since(begin)
	served := race(ctx, begin, pause, func() bool {
		answer, err := b.ask(probe, time.Second)
		return err == nil && answer == pod
	})
	m.latency = time.Since(begin)
	if !served {
		return m, errors.Join(errTooLong, b.proxy.Alive())
	}
	return m, nil
}

func (b *bench) podAt(address string) string {
	for _, p := range b.lab.Node2.Pods {
		if p.IPv4.String() == address {
			return p.Name
		}
	}
	return ""
}

// moves has one endpoint after the other move.
func (b *bench) moves() error {
	spent, err := b.spending()
	if err != nil {
		return err
	}
	var m figures.Moves
	begin := time.Now()
	for n := 0; n < b.job.Moves && (n == 0 || time.Since(begin) < b.job.MovesFor); n++ {
		one, err := b.move(n%len(b.probes), askPause)
		if err != nil {
			return err
		}
		m.Latency = append(m.Latency, milliseconds(one.latency))
		m.Write = append(m.Write, milliseconds(one.write))
		time.Sleep(b.job.Pause)
	}
	n := float64(len(m.Latency))
	s, err := spent()
	m.CPU, m.Processes, m.Rows = figures.Round(milliseconds(s.cpu)/n, 2), s.processes, per(s.rows, n)
	b.cell.Moves = &m
	b.say("%v moves: p50 %v ms, worst %v ms", n, m.Latency.P(50), m.Latency.Worst())
	return err
}

// spent is what the proxy has used.
type spent struct {
	cpu       time.Duration
	processes int
	rows      *float64
}

// spending returns what tells the difference from now on.
func (b *bench) spending() (func() (spent, error), error) {
	cpu, err := b.proxy.cpu()
	if err != nil {
		return nil, err
	}
	rows, err := b.proxy.rowsWritten()
	if err != nil {
		return nil, err
	}
	execs := b.execs.n.Load()
	return func() (s spent, err error) {
		var errs [3]error
		s.cpu, errs[0] = b.proxy.cpu()
		s.rows, errs[1] = b.proxy.rowsWritten()
		s.processes, errs[2] = b.execs.since(execs)
		s.cpu -= cpu
		if s.rows != nil && rows != nil {
			*s.rows -= *rows
		}
		return s, errors.Join(errs[:]...)
	}, nil
}

func per(sum *float64, n float64) *float64 {
	if sum == nil {
		return nil
	}
	each := figures.Round(*sum/n, 2)
	return &each
}

// churns has the crowd changed at each rate in turn.
func (b *bench) churns() error {
	for _, rate := range b.job.Churn {
		c, err := b.churn(rate)
		if err != nil {
			return err
		}
		b.cell.Churns = append(b.cell.Churns, c)
		b.say("churn of %d/s: %.0f/s held, probe p50 %v ms, p99 %v ms, of that the write %v ms, backlog %v s",
			rate, c.Achieved(), c.Latency.P(50), c.Latency.P(99), c.Write.P(50), c.Backlog)
	}
	return nil
}

// churn moves probes while the crowd changes. When the crowd has come to rest,
// one more move, after the one that is under way, shows how much is left to do.
func (b *bench) churn(rate int) (c figures.Churn, err error) {
	spent, err := b.spending()
	if err != nil {
		return c, err
	}
	var done desk.Churned
	var ended time.Time
	over := make(chan error, 1)
	go func() {
		var err error
		done, err = b.outer.Churn(desk.Churn{Rate: rate, For: b.job.ChurnFor})
		ended = time.Now()
		over <- err
	}()
	c.Rate = rate
	n := 0
	for running := true; running; n++ {
		one, err := b.move(n%len(b.probes), churnPause)
		if err != nil && !errors.Is(err, errTooLong) {
			return c, err
		}
		c.Latency = append(c.Latency, milliseconds(one.latency))
		c.Write = append(c.Write, milliseconds(one.write))
		select {
		case err := <-over:
			if err != nil {
				return c, err
			}
			running = false
		case <-time.After(probePause):
		}
	}
	_, err = b.move(n%len(b.probes), churnPause)
	c.Backlog = seconds(time.Since(ended))
	if errors.Is(err, errTooLong) {
		c.Over, err = seconds(moveLimit), nil
	}
	if err == nil {
		err = b.settleDown()
	}
	if err != nil {
		return c, err
	}
	c.Changes, c.Seconds = done.Changes, seconds(done.Took)
	each := float64(done.Changes + n + 1)
	s, err := spent()
	c.CPU, c.Processes, c.Rows = figures.Round(milliseconds(s.cpu)/each, 2), s.processes, per(s.rows, each)
	return c, err
}

// idle watches the proxy while nothing happens.
func (b *bench) idle() error {
	spent, err := b.spending()
	if err != nil {
		return err
	}
	begin := time.Now()
	time.Sleep(b.job.Idle)
	s, err := spent()
	took := time.Since(begin)
	b.cell.Idle = &figures.Idle{Seconds: seconds(took), Share: figures.Round(s.cpu.Seconds()/took.Seconds(), 4), Processes: s.processes}
	b.say("idle: %.1f %% of one processor", 100*b.cell.Idle.Share)
	return err
}
