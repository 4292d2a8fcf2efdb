// Command kube-ipvs serves the Services of a Kubernetes cluster on one node,
// with IPVS. It takes the place of kube-proxy and takes its command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/inspect"
	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := execute(ctx, os.Args[1:])
	stop()
	klog.Flush()
	if err != nil && !errors.Is(err, inspect.ErrFound) {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "kube-ipvs:", strings.TrimSuffix(line, "\n"))
		}
	}
	os.Exit(exitCode(err))
}

// runDaemon reads the daemon's flags and does what they ask for.
func runDaemon(cmd *cobra.Command, args []string) error {
	o, err := options.Parse(args, os.Hostname)
	if err != nil {
		return inspect.UsageError{Err: err}
	}
	if err := startLogging(o); err != nil {
		return err
	}
	for _, w := range o.Warnings {
		klog.Warning(w)
	}
	ctx := cmd.Context()
	switch o.Verb {
	case options.Help:
		return cmd.Help()
	case options.Version:
		cmd.Println(versionLine())
		return nil
	case options.Check:
		return inspect.Check(cmd, o)
	case options.WriteConfig:
		return o.WriteConfig()
	case options.Init:
		return withKernel(o, func(k *kernel.Kernel) error {
			unloaded := k.Load(ctx) // first: settings of the table of connections come with its module
			left, err := prepareHost(ctx, o, k)
			return errors.Join(unloaded, left, err)
		})
	case options.Cleanup:
		return cleanup(ctx, o)
	default:
		return withKernel(o, func(k *kernel.Kernel) error { return serve(ctx, o, k) })
	}
}

func withKernel(o options.Options, action func(*kernel.Kernel) error) error {
	o.Kernel.Record = recordFile
	o.Kernel.Unrecorded = func(err error) { klog.InfoS("Cleanup will not be able to restore sysctls and time-outs", "err", err) }
	k, err := kernel.Open(o.Kernel)
	if err != nil {
		return err
	}
	return errors.Join(action(k), k.Close())
}

// prepareHost sets what traffic needs of this machine, and tells what it could
// not set without which most things still work. What it may not write of the
// table of connections is not worth dying for: kube-proxy's defaults ask for it
// everywhere.
func prepareHost(ctx context.Context, o options.Options, k *kernel.Kernel) (left, err error) {
	unset, err := k.Host(ctx)
	if err != nil {
		return nil, err
	}
	if why := k.Unserved(); why != nil {
		klog.Warning("Serving IPv4 alone: ", why)
	}
	warnings, err := k.Conntrack(o.Conntrack)
	for _, w := range warnings {
		klog.Warning("conntrack: ", w)
	}
	return errors.Join(unset...), err
}
