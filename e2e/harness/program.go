//go:build linux

package harness

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	startLimit = 10 * time.Minute // for a first start, in an emulated machine
	askLimit   = 10 * time.Second // for an answer over HTTP
)

// Program runs on a node, once at a time. Its fields may be read at any time,
// and be written by who starts and ends it.
type Program struct {
	Host    *lab.Namespace
	Log     Log          // of all its runs
	Process *lab.Process // of the last run, or nil
}

// Beside is the path of a program that was built into the folder of this one.
func Beside(name string) (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), name), err
}

// Spawn starts the program, and does not wait for anything.
func (p *Program) Spawn(c lab.Command) (err error) {
	c.Log = &p.Log
	p.Process, err = p.Host.Start(c)
	return err
}

// Start starts the program and returns when it is ready, for which it is asked
// at this pace. It errs when the program ends before.
func (p *Program) Start(c lab.Command, every time.Duration, ready func() error) error {
	if err := p.Spawn(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	ctx, cancel = p.WhileItRuns(ctx)
	defer cancel()
	if err := lab.UntilEvery(ctx, every, ready); err != nil {
		return fmt.Errorf("wait for %s: %w", c.Path, err)
	}
	return nil
}

// WhileItRuns is a context that also ends with this run of the program.
func (p *Program) WhileItRuns(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	ended := p.Process.Done()
	go func() {
		select {
		case <-ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// Alive errs, with the program's last words, when it has ended.
func (p *Program) Alive() error {
	select {
	case <-p.Process.Done():
		return fmt.Errorf("the program has ended (exit code %d); its last words:\n%s", p.Process.ExitCode(), p.Log.LastWords())
	default:
		return nil
	}
}

// Stop ends the program as the kubelet does, and returns its exit code. What it
// has made stays.
func (p *Program) Stop() (code int, err error) { return p.Process.Stop() }

// Kill ends the program as a power failure does. One that does not run is dead
// already.
func (p *Program) Kill() error {
	if p.Process == nil {
		return nil
	}
	return p.Process.Kill()
}

// RunOnce runs a command to its end, beside the program if that runs, and errs
// when ctx ends first.
func (p *Program) RunOnce(ctx context.Context, c lab.Command) (code int, output string, err error) {
	var said Log
	c.Log = io.MultiWriter(&said, &p.Log)
	process, err := p.Host.Start(c)
	if err != nil {
		return -1, "", err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		if err = process.Kill(); err == nil {
			err = ctx.Err()
		}
		err = fmt.Errorf("wait for the end of %s %v: %w", c.Path, c.Args, err)
	}
	return process.ExitCode(), said.String(), err
}

// Get asks over HTTP, from the program's own host.
func (p *Program) Get(url string) (string, error) { return p.Host.Get(url, askLimit) }

// Metrics are the program's whose name begins with prefix, by name and labels.
func (p *Program) Metrics(prefix string) (map[string]float64, error) {
	return p.MetricsAt(MetricsURL, prefix)
}

// MetricsAt is Metrics for a program that was told to answer elsewhere.
func (p *Program) MetricsAt(url, prefix string) (map[string]float64, error) {
	text, err := p.Get(url + "/metrics")
	if err != nil {
		return nil, err
	}
	return lab.ParseMetrics(text, prefix)
}
