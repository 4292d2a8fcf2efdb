package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// timedOut is the exit code when -timeout ran out.
const timedOut = 124

// options are the flags, checked.
type options struct {
	kernel   string
	iptables iptablesChoice
	share    string
	timeout  time.Duration
	command  []string
}

// release is the version of the kernel to fetch, or empty.
func (o options) release() string {
	if slices.Contains(machines, o.kernel) {
		return ""
	}
	return o.kernel
}

// machines are the kernels that are not named by their version.
var machines = []string{"auto", "own", "vm"}

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

	environ, err := opts.iptables.environ(ctx, os.Environ())
	if err != nil {
		return 0, err
	}
	if opts.kernel != "auto" && opts.kernel != "own" {
		return runVirtual(ctx, opts, environ)
	}
	lack := lacking(ctx)
	if lack == nil {
		return runOwn(ctx, opts, environ)
	}
	if opts.kernel == "own" {
		return 0, fmt.Errorf("-kernel=own: %w", lack)
	}
	return runVirtual(ctx, opts, environ)
}

func parse(args []string) (options, error) {
	var opts options
	flags := flag.NewFlagSet("vm", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(flags.Output(), "usage: vm [flags] -- COMMAND ARGS...")
		flags.PrintDefaults()
	}
	kernels := slices.Concat(machines, known(kernelOf))
	flags.StringVar(&opts.kernel, "kernel", "auto", "`which` kernel: "+list(kernels)+"; auto is own when that has IPVS and the user is root, "+
		"vm a virtual machine with the kernel of this machine's Debian suite, all others a virtual machine with that one")
	versions := flags.String("iptables", "", "the `version` of iptables that the command finds: "+list(known(iptablesOf))+
		"; or some, with commas between them, whose folders E2E_IPTABLES has")
	backend := flags.String("backend", "", "the `backend` of the iptables that the command finds: "+list(backends))
	flags.StringVar(&opts.share, "share", "", "a `folder` that the command can write to, at the same path in the virtual machine")
	flags.DurationVar(&opts.timeout, "timeout", 30*time.Minute, "end the command after this `time`, with exit code 124")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	opts.command = flags.Args()
	if len(opts.command) == 0 {
		return opts, errors.New("no command behind the flags")
	}
	if !slices.Contains(kernels, opts.kernel) {
		return opts, fmt.Errorf("-kernel=%s: want %s", opts.kernel, list(kernels))
	}
	var err error
	if opts.iptables, err = parseIPTables(*versions, *backend); err != nil {
		return opts, err
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
