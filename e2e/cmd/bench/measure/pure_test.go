//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	text := "42 (a) b) S 1 42 42 0 -1 4194560 100 200 3 4 11 22 33 44 20 0 9 0 100 1 2"
	if got, err := parseStat(text); err != nil || got != 1100*time.Millisecond {
		t.Errorf("%s, %v; want 1.1s", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1", strings.Replace(text, "33", "x", 1)} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q: want an error", bad)
		}
	}
}

func TestKilobytes(t *testing.T) {
	text := "Name:\ta\nVmHWM:\t   2048 kB\nVmRSS:\t   1024 kB\n"
	if n, err := kilobytes(text, "VmRSS:"); err != nil || n != 1<<20 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := kilobytes(text, "Pss:"); err == nil {
		t.Error("no such line: want an error")
	}
}

// The pauses grow to a fiftieth of the time.
func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin, tries := time.Now(), 0
		if !until(ctx, begin, time.Millisecond, func() bool { tries++; return time.Since(begin) >= time.Minute }) {
			t.Error("not content")
		}
		if took := time.Since(begin); took > 62*time.Second || tries > 500 {
			t.Errorf("%s and %d tries for a minute", took, tries)
		}
		if until(ctx, begin, time.Millisecond, func() bool { return false }) {
			t.Error("content with nothing")
		}
	})
}

// A try that hangs holds up the next for a moment only; while none hangs there
// is one at a time.
func TestRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n, out, most atomic.Int64
		begin := time.Now()
		if !race(t.Context(), begin, time.Millisecond, func() bool {
			most.Store(max(most.Load(), out.Add(1)))
			defer out.Add(-1)
			now := n.Add(1)
			if now == 4 {
				time.Sleep(time.Second)
			}
			return now == 5
		}) {
			t.Error("not content")
		}
		if took := time.Since(begin); took < patience || took > patience+20*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if most.Load() != 2 {
			t.Errorf("%d tries at a time, want one beside the one that hangs", most.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if race(ctx, time.Now(), time.Millisecond, func() bool { time.Sleep(time.Hour); return true }) {
			t.Error("content with nothing")
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestNumbered(t *testing.T) {
	for n, want := range map[int]string{1: "100.64.0.1", 255: "100.64.0.255", 256: "100.64.1.0", 250_000: "100.67.208.144"} {
		if got := numbered("100.64.0.0", n).String(); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestAcknowledged(t *testing.T) {
	ack := func(code int32) []byte {
		b := message(unix.NLMSG_ERROR, 0, binary.NativeEndian.AppendUint32(nil, uint32(-code)))
		return append(b, make([]byte, (4-len(b)%4)%4)...)
	}
	if n, err := acknowledged(append(ack(0), ack(0)...)); n != 2 || err != nil {
		t.Errorf("%d, %v; want 2", n, err)
	}
	if n, err := acknowledged(append(ack(0), ack(int32(unix.EEXIST))...)); n != 1 || err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("%d, %v; want 1 and an error", n, err)
	}
	if _, err := acknowledged(append([]byte{99, 0, 0, 0}, make([]byte, 40)...)); err == nil {
		t.Error("short message: want an error")
	}
}
