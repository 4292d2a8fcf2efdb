//go:build e2e

package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// sleeper is the environment in which the test binary starts a process in a
// lab, tells its id and dies without a word.
const sleeper = "LAB_TEST_DIE_BESIDE"

func TestMain(m *testing.M) {
	if os.Getenv(sleeper) != "" {
		dieBesideProcess()
	}
	os.Exit(m.Run())
}

func dieBesideProcess() {
	l, err := New(Options{Pods: 1, RemotePods: 1})
	if err != nil {
		panic(err)
	}
	p, err := l.Node.Start(Command{Path: "/bin/sleep", Args: []string{"1000"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(p.Pid())
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func TestProcessDiesWithUs(t *testing.T) {
	newLab(t, Options{Pods: 1, RemotePods: 1}) // root?
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child, err := os.StartProcess("/proc/self/exe", []string{"lab.test"}, &os.ProcAttr{
		Env: append(os.Environ(), sleeper+"=1"), Files: []*os.File{nil, w, w},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if _, err := child.Wait(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(line, &pid); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	err = Until(within(t, soon), func() error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ") {
			return nil
		}
		return fmt.Errorf("still there: %s, %w", stat, err)
	})
	if err != nil {
		t.Error(err)
	}
}

func TestProcessRunsInside(t *testing.T) {
	l := newLab(t, Options{})
	var log bytes.Buffer
	p, err := l.Node.Start(Command{
		Path: "/bin/sh",
		Args: []string{"-c", `readlink /proc/self/ns/net; echo $WORD >&2; exit 3`},
		Env:  []string{"WORD=hello"},
		Log:  &log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if code := p.ExitCode(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	var inside string
	if err := l.Node.Do(func() (err error) { inside, err = os.Readlink(ours); return err }); err != nil {
		t.Fatal(err)
	}
	if want := inside + "\nhello\n"; log.String() != want {
		t.Errorf("log %q, want %q", log.String(), want)
	}
	if code, err := p.Stop(); code != 3 || err != nil {
		t.Errorf("stop what has ended: %d, %v; want 3", code, err)
	}
	if _, err := l.Node.Start(Command{Path: "/nowhere"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("start /nowhere: %v, want %v", err, os.ErrNotExist)
	}
}

func TestStopIsHeardAndKillIsNot(t *testing.T) {
	l := newLab(t, Options{})
	start := func() *Process {
		r, w := io.Pipe()
		p, err := l.Node.Start(Command{
			Path: "/bin/sh",
			Args: []string{"-c", `trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done`},
			Log:  w,
		})
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(r).ReadString('\n'); line != "ready\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return p
	}
	if code, err := start().Stop(); code != 7 || err != nil {
		t.Errorf("stop: %d, %v; want 7", code, err)
	}
	p := start()
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if code := p.ExitCode(); code != -1 {
		t.Errorf("exit code after Kill %d, want -1", code)
	}
}
