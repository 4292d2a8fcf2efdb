package host

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// programLimit ends a program that hangs. What takes milliseconds takes many
// seconds on a node that has far too much to do, which is no time to give up.
const programLimit = time.Minute

// pipeLimit is how long after its end a program's output is waited for. A
// process that it has started and that has left its group may keep that open.
const pipeLimit = 2 * time.Second

// Run runs a program to its end, and fails with what it complains about.
// At programLimit, or when ctx ends, it is killed with all that it has started:
// iptables starts modprobe. No program is started in any other way.
func Run(ctx context.Context, out *bytes.Buffer, program, input string, args ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, programLimit, errProgramHangs)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = pipeLimit
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), &complaint
	if out != nil {
		cmd.Stdout = out
	}
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	err = fmt.Errorf("run %s: %w", filepath.Base(program), err)
	if said := strings.TrimSpace(complaint.String()); said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// errProgramHangs says that a program was killed.
var errProgramHangs = fmt.Errorf("it did not end within %s and was killed", programLimit)

// WithinLimit gives up waiting for what a library does with a program.
func WithinLimit(action func() error) error {
	done := make(chan error, 1)
	go func() { done <- action() }()
	select {
	case err := <-done:
		return err
	case <-time.After(programLimit):
		return fmt.Errorf("no end after %s", programLimit)
	}
}
