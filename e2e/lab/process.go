//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// patience is how long a process may take to end after SIGTERM.
const patience = 30 * time.Second

// Command is a program to start.
type Command struct {
	Path string
	Args []string
	Env  []string  // added to the caller's
	Log  io.Writer // both outputs; nil drops them
}

// Process is a program that runs inside a namespace.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

// Start runs a program inside the namespace. It is killed when the calling
// process ends, however that happens.
func (n *Namespace) Start(c Command) (*Process, error) {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdout, cmd.Stderr = c.Log, c.Log
	cmd.WaitDelay = time.Second // for children of its own that hold the log open
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal comes when the thread that forked dies: this one
		// stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := n.Do(cmd.Start)
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // ProcessState says it all
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", c.Path, n.Name, err)
	}
	return p, nil
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode waits for the end; it is -1 after a signal.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Stop sends SIGTERM and returns the exit code. A process that does not heed it
// is killed, which is an error.
func (p *Process) Stop() (int, error) {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return -1, err
	}
	select {
	case <-p.done:
		return p.ExitCode(), nil
	case <-time.After(patience):
		return -1, errors.Join(fmt.Errorf("stop %s: still there %s after SIGTERM", p.cmd.Path, patience), p.Kill())
	}
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// signal is content with a process that has ended already.
func (p *Process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to %s: %w", s, p.cmd.Path, err)
	}
	return nil
}
