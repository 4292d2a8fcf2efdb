package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// broken is the exit code when it was not the command that failed.
const broken = 125

// options are the flags, checked.
type options struct {
	kernel  string
	share   string
	timeout time.Duration
	command []string
}

// stopped is why a command was ended before its time.
type stopped struct {
	why  string
	code int
}

func (s stopped) Error() string { return s.why }

// The children die with the thread that started them; the main thread lives as long as the process.
func init() { runtime.LockOSThread() }

func main() {
	opts, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	code := 0
	if err == nil {
		code, err = run(opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		code = broken
		if s := (stopped{}); errors.As(err, &s) {
			code = s.code
		}
	}
	os.Exit(code)
}

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: vm [flags] -- COMMAND ARGS...")
		flags.PrintDefaults()
	}
	flags.StringVar(&opts.kernel, "kernel", "auto", "`whose` kernel: own, vm, or auto: own when it has IPVS and the user is root")
	flags.StringVar(&opts.share, "share", "", "a `folder` that the command can write to, at the same path in the virtual machine")
	flags.DurationVar(&opts.timeout, "timeout", 30*time.Minute, "end the command after this `time`, with exit code 124")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	opts.command = flags.Args()
	if len(opts.command) == 0 {
		return opts, errors.New("no command: want vm [flags] -- COMMAND ARGS...")
	}
	switch opts.kernel {
	case "auto", "own", "vm":
	default:
		return opts, fmt.Errorf("-kernel=%s: want auto, own or vm", opts.kernel)
	}
	if opts.share == "" {
		return opts, nil
	}
	share, err := filepath.Abs(opts.share)
	if err != nil {
		return opts, fmt.Errorf("-share: %w", err)
	}
	opts.share = share
	return opts, os.MkdirAll(share, 0o755)
}

// run runs the command where it can be run and answers with its exit code.
func run(opts options) (int, error) {
	ctx, cancel := untilSignal()
	defer cancel(nil)
	limit := time.AfterFunc(opts.timeout, func() {
		cancel(stopped{fmt.Sprintf("%s: still running after %v", opts.command[0], opts.timeout), 124})
	})
	defer limit.Stop()

	lack := lacking(ctx)
	if opts.kernel == "own" && lack != nil {
		return 0, fmt.Errorf("-kernel=own: %w", lack)
	}
	if opts.kernel == "own" || opts.kernel == "auto" && lack == nil {
		return runOwn(ctx, opts)
	}
	return runVirtual(ctx, opts)
}

// untilSignal is a context that a signal ends, with the exit code of a program killed by it.
func untilSignal() (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		s := <-signals
		cancel(stopped{s.String(), 128 + int(s.(syscall.Signal))})
	}()
	return ctx, cancel
}
