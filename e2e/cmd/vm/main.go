package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// timedOut is the exit code when -timeout ran out.
const timedOut = 124

// options are the flags, checked.
type options struct {
	kernel  string
	share   string
	timeout time.Duration
	command []string
}

func main() { child.Main("vm", run) }

// run runs the command where it can be run and answers with its exit code.
func run(ctx context.Context) (int, error) {
	opts, err := parse(os.Args[1:])
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, opts.timeout,
		child.Stopped{Why: fmt.Sprintf("%s: still running after %v", opts.command[0], opts.timeout), Code: timedOut})
	defer cancel()

	if opts.kernel == "vm" {
		return runVirtual(ctx, opts)
	}
	lack := lacking(ctx)
	if lack == nil {
		return runOwn(ctx, opts)
	}
	if opts.kernel == "own" {
		return 0, fmt.Errorf("-kernel=own: %w", lack)
	}
	return runVirtual(ctx, opts)
}

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: vm [flags] -- COMMAND ARGS...")
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
		return opts, errors.New("no command behind the flags")
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
