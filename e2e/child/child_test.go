package child

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestExitCode(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -KILL $$": 137} {
		if got, err := Run(Command(t.Context(), "sh", "-c", script)); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", script, got, err, want)
		}
	}
}

func TestNotStarted(t *testing.T) {
	if code, err := Run(Command(t.Context(), "/no/such/program")); err == nil {
		t.Errorf("exit code %d, want an error", code)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := Command(ctx, "sh", "-c", "trap 'exit 7' TERM; echo; while :; do sleep 0.01; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The first byte says that the trap is set.
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if got, err := Wait(cmd); err != nil || got != 7 {
		t.Errorf("exit code %d, %v, want 7", got, err)
	}
}

// What a program leaves behind is gone when Run comes back.
func TestOffspring(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := Run(Command(t.Context(), "sh", "-c", `sleep 60 & echo $! >"$0"`, file)); err != nil {
		t.Fatal(err)
	}
	waitGone(t, file)
}

// TestPdeathsig stands in for a parent that is killed: a shell in the place of the thread would not do, so the test
// binary runs itself.
func TestPdeathsig(t *testing.T) {
	if file := os.Getenv("CHILD_PID_FILE"); file != "" {
		_, _ = Run(Command(context.Background(), "sh", "-c", `echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 60`, file))
		return
	}
	file := filepath.Join(t.TempDir(), "pid")
	parent := exec.Command(os.Args[0], "-test.run=^TestPdeathsig$")
	parent.Env = append(os.Environ(), "CHILD_PID_FILE="+file)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the child to start", func() bool { _, err := os.Stat(file); return err == nil })
	_ = parent.Process.Kill()
	_ = parent.Wait()
	waitGone(t, file)
}

func waitGone(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "process "+strconv.Itoa(pid)+" to end", func() bool {
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return syscall.Kill(pid, 0) == syscall.ESRCH || strings.Contains(string(stat), ") Z ")
	})
}

// wait waits for another process, for which there is no clock but the real one.
func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
