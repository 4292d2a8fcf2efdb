// Package child runs programs that may not outlive the one that started them.
package child

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a program and its offspring have after SIGTERM.
const grace = 5 * time.Second

// Command is exec.CommandContext for a program in a process group of its own: the end of ctx is SIGTERM to the whole
// group and SIGKILL a little later, our own death is SIGKILL to the program. Start it from the main goroutine, because it
// is the death of the starting thread that counts.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	return cmd
}

// Run starts cmd, waits for it, ends what it has left behind in its group, and answers with its exit code as a shell
// would: 128 and the signal's number for one that was killed. It errs when cmd could not be started.
func Run(cmd *exec.Cmd) (int, error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return Wait(cmd)
}

// Wait is the second half of Run.
func Wait(cmd *exec.Cmd) (int, error) {
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if cmd.ProcessState == nil {
		return 0, err
	}
	return exitCode(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
