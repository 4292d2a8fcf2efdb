package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// bootLimit is when a virtual machine that has not come to the command is given up.
const bootLimit = 2 * time.Minute

// runVirtual runs the command in a virtual machine.
func runVirtual(ctx context.Context, opts options, environ []string) (int, error) {
	if err := need(qemu, "busybox"); err != nil {
		return 0, err
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return 0, err
	}
	cache := filepath.Join(base, "kube-ipvs", "vm")
	k, err := findKernel(ctx, cache, opts.release())
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	if err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp(cache, "run-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	h := hardware{
		accelerator: chooseAccelerator(ctx),
		image:       k.image(),
		initramfs:   filepath.Join(folder, "initramfs"),
		console:     filepath.Join(folder, "console.log"),
	}
	if opts.share != "" {
		if h.share, err = filepath.EvalSymlinks(opts.share); err != nil {
			return 0, err
		}
	}
	if err := writeInitramfs(ctx, h, k, environ, opts.command); err != nil {
		return 0, err
	}
	fmt.Fprintf(os.Stderr, "vm: virtual machine (%s), Linux %s\n", h.accelerator.kind, k.version)

	code, err := boot(ctx, h)
	console := filepath.Join(cache, "console.log")
	if renameErr := os.Rename(h.console, console); renameErr == nil && err != nil && context.Cause(ctx) == nil {
		err = fmt.Errorf("%w\n%s\n(the end of %s)", err, tail(console, 40), console)
	}
	return code, err
}

// writeInitramfs writes the initramfs that runs command in the working directory.
func writeInitramfs(ctx context.Context, h hardware, k kernel, environ, command []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	f := folders{share: h.share}
	if f.modules, err = filepath.EvalSymlinks(k.modules()); err != nil {
		return err
	}
	for _, folder := range []string{dir, filepath.Dir(command[0])} {
		if folder, err = filepath.Abs(folder); err != nil {
			return err
		}
		if folder, err = filepath.EvalSymlinks(folder); err == nil {
			f.shown = append(f.shown, folder)
		}
	}
	data, err := initramfs(ctx, k, f, commandScript(dir, environment(environ, "10.0.2.2"), command))
	if err != nil {
		return fmt.Errorf("make the initramfs: %w", err)
	}
	return os.WriteFile(h.initramfs, data, 0o644)
}

// boot runs a virtual machine until it ends, and answers with the command's exit code.
func boot(ctx context.Context, h hardware) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := time.AfterFunc(bootLimit, func() {
		cancel(fmt.Errorf("the virtual machine has not come up in %v", bootLimit))
	})
	defer limit.Stop()

	var complaints bytes.Buffer
	cmd := child.Command(ctx, qemu, h.args()...)
	cmd.Stderr = &complaints

	status := status{started: func() { limit.Stop() }}
	readers, err := ports(cmd, os.Stdout, os.Stderr, &status)
	if err != nil {
		return 0, err
	}
	_, err = child.Run(cmd)
	for _, f := range cmd.ExtraFiles {
		_ = f.Close()
	}
	readers.Wait()

	switch {
	case err != nil:
		return 0, err
	case status.exited:
		return status.code, nil
	case context.Cause(ctx) != nil:
		return 0, context.Cause(ctx)
	}
	return 0, fmt.Errorf("the virtual machine died (%v) before the command ended\n%s",
		cmd.ProcessState, strings.TrimSpace(complaints.String()))
}

// ports hands cmd the writing ends of pipes and copies what comes out of them.
func ports(cmd *exec.Cmd, to ...io.Writer) (*sync.WaitGroup, error) {
	var readers sync.WaitGroup
	for _, w := range to {
		from, end, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, end)
		readers.Go(func() {
			_, _ = io.Copy(w, from)
			// The reader of our output may go away; the virtual machine must not block on that.
			_, _ = io.Copy(io.Discard, from)
			_ = from.Close()
		})
	}
	return &readers, nil
}

// status takes in what guest/inside.sh has to say.
type status struct {
	started func()
	buf     []byte
	exited  bool
	code    int
}

// Write takes in the next bytes, which may end within a line.
func (s *status) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	for {
		i := bytes.IndexByte(s.buf, '\n')
		if i < 0 {
			return len(p), nil
		}
		line := string(s.buf[:i])
		s.buf = s.buf[i+1:]
		if line == "started" {
			s.started()
		}
		if n, _ := fmt.Sscanf(line, "exit %d", &s.code); n == 1 {
			s.exited = true
		}
	}
}

// tail is the end of a log file.
func tail(file string, lines int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	last := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(last[max(0, len(last)-lines):], "\n")
}
