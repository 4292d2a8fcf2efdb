package host

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func script(t *testing.T, text string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "iptables-save")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

// A program that hangs is killed with all that it has started: iptables starts
// modprobe. One that has left its group may go on, but holds up nothing.
func TestAProgramThatHangsIsKilledWithItsHelpers(t *testing.T) {
	for name, text := range map[string]string{
		"it hangs itself":                  "exec sleep 1000\n",
		"a helper hangs":                   "echo $$; sleep 1000\n",
		"a helper hangs in the background": "echo $$; sleep 1000 & wait\n",
		"a helper in a session of its own": "exec setsid --wait sleep 20\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			var out bytes.Buffer
			begin := time.Now()
			err := Run(ctx, &out, script(t, text), "")
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("the limit was a second, and it took %s", took.Round(time.Second))
			}
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "run iptables-save: ") {
				t.Errorf("the error is %v", err)
			}
			if group, err := strconv.Atoi(strings.TrimSpace(out.String())); err == nil && !gone(group) {
				t.Error("there are processes left")
			}
		})
	}
}

// gone waits until no process of a group is alive, for a moment.
func gone(group int) bool {
	for begin := time.Now(); time.Since(begin) < 5*time.Second; {
		alive := false
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, path := range stats {
			text, _ := os.ReadFile(path) // it may have just ended
			_, rest, _ := strings.Cut(string(text), ") ")
			if f := strings.Fields(rest); len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(group) {
				alive = true
			}
		}
		if !alive {
			return true
		}
	}
	return false
}

func TestAProgramThatFailsSaysWhy(t *testing.T) {
	err := Run(t.Context(), nil, script(t, "echo it is locked >&2; exit 4\n"), "")
	if want := "run iptables-save: exit status 4: it is locked"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}
