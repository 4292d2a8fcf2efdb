//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// tick is the unit of processor time in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// cpu is the processor time that the daemon and its ended children have had.
func (p *proxy) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid()))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat adds up utime, stime, cutime and cstime, the twelfth field and the
// next behind the name, which may hold anything.
func parseStat(text string) (time.Duration, error) {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return 0, fmt.Errorf("read processor time in %q: too short", text)
	}
	sum := int64(0)
	for _, f := range fields[11:15] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time in %q: %w", text, err)
		}
		sum += n
	}
	return time.Duration(sum) * tick, nil
}

// memory is what the daemon has now.
func (p *proxy) memory() (*figures.Memory, error) {
	var m figures.Memory
	for file, fields := range map[string]map[string]*int64{
		"status":       {"VmRSS:": &m.Resident, "VmHWM:": &m.Peak},
		"smaps_rollup": {"Pss:": &m.Share},
	} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.Process.Pid(), file))
		if err != nil {
			return nil, err
		}
		for name, into := range fields {
			if *into, err = kilobytes(string(text), name); err != nil {
				return nil, fmt.Errorf("read %s: %w", file, err)
			}
		}
	}
	return &m, nil
}

// notePeak keeps the most memory that any of the daemon's processes has had.
func (b *bench) notePeak() error {
	now, err := b.proxy.memory()
	if err == nil && b.cell.Memory != nil {
		b.cell.Memory.Peak = max(b.cell.Memory.Peak, now.Peak)
	}
	return err
}

// kilobytes reads a line like "VmRSS:    1234 kB", as bytes.
func kilobytes(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 3 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("no line %s", name)
}

// quiet waits until the daemon has had less than a tenth of a processor for
// two seconds.
func (p *proxy) quiet(ctx context.Context) error {
	for {
		before, err := p.cpu()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
		now, err := p.cpu()
		if err != nil || now-before < 200*time.Millisecond {
			return err
		}
	}
}

// execs counts the programs that are started on this machine by any process:
// while something is measured, no other process does.
type execs struct {
	n    atomic.Int64
	lost atomic.Bool
}

func watchExecs() (*execs, error) {
	e := &execs{}
	events, failed := make(chan netlink.ProcEvent, 1024), make(chan error, 1)
	if err := netlink.ProcEventMonitor(events, nil, failed); err != nil {
		return nil, fmt.Errorf("watch for programs that are started: %w", err)
	}
	go func() {
		for event := range events {
			if event.What == netlink.PROC_EVENT_EXEC {
				e.n.Add(1)
			}
		}
		e.lost.Store(true)
	}()
	return e, nil
}

// since is how many programs were started after the first n. It errs when
// events were lost.
func (e *execs) since(n int64) (int, error) {
	if e.lost.Load() {
		return 0, fmt.Errorf("count programs that are started: events were lost")
	}
	return int(e.n.Load() - n), nil
}
