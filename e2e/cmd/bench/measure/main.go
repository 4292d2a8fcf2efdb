//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run() error {
	outer, err := desk.Call()
	if err != nil {
		return err
	}
	job, err := outer.Job()
	if err != nil {
		return err
	}
	b, err := newBench(job, outer)
	if err != nil {
		return err
	}
	return errors.Join(b.all(time.Now()), b.close())
}

// step is one thing to measure.
type step struct {
	name   string
	wanted bool
	do     func() error
}

// all measures everything in an order in which nothing disturbs what comes
// later: churn leaves deleted real servers behind in the kernel, for minutes.
// The outer half has each figure as soon as it is there. A step that fails takes
// no other with it, unless the proxy cannot be asked anything any more.
func (b *bench) all(begin time.Time) (failed error) {
	proxy := b.job.Proxy != figures.Floor
	for _, s := range []step{
		{"floor", !proxy, b.floor},
		{"start", proxy, b.coldStart},
		{"moves", b.job.Moves > 0, b.moves},
		{"restart", b.job.Restart, b.restart},
		{"idle", b.job.Idle > 0, b.idle},
		{"churn", len(b.job.Churn) > 0, b.churns},
		{"dataplane", b.job.Dataplane, b.dataplane},
	} {
		if !s.wanted {
			continue
		}
		profiled := b.profile(s.name)
		err := s.do()
		profiled()
		if proxy && err == nil {
			err = b.notePeak()
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
			b.cell.Problem = failed.Error()
		}
		b.cell.Took = figures.Round(time.Since(begin).Seconds(), 1)
		b.say("%s done", s.name)
		if err := b.outer.Note(b.cell); err != nil {
			return errors.Join(failed, err)
		}
		if proxy && !b.serving() {
			break // there is nothing else to measure
		}
	}
	b.cell.Whole = true
	return errors.Join(failed, b.outer.Note(b.cell))
}

// serving tells whether the proxy has come so far that it can be asked
// anything.
func (b *bench) serving() bool {
	s := b.cell.Start
	return s != nil && s.Over == 0 && b.proxy.Alive() == nil
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", b.cell.Name(), fmt.Sprintf(format, args...))
}
