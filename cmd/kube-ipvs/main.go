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

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := execute(ctx, os.Args[1:])
	stop()
	klog.Flush()
	if err != nil && !errors.Is(err, errFound) {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "kube-ipvs:", strings.TrimSuffix(line, "\n"))
		}
	}
	os.Exit(exitCode(err))
}

// runDaemon reads the daemon's flags and does what they ask for.
func runDaemon(cmd *cobra.Command, args []string) error {
	o, err := parse(args, os.Hostname)
	if err != nil {
		return usageError{err}
	}
	if err := o.startLogging(); err != nil {
		return err
	}
	for _, w := range o.Warnings {
		klog.Warning(w)
	}
	ctx := cmd.Context()
	switch o.Verb {
	case verbHelp:
		return cmd.Help()
	case verbVersion:
		cmd.Println(versionLine())
		return nil
	case verbCheck:
		return o.check(cmd)
	case verbWriteConfig:
		return o.writeConfig()
	case verbInit:
		return o.withKernel(func(k *kernel.Kernel) error {
			unloaded := k.Load(ctx) // first: settings of the table of connections come with its module
			left, err := o.prepareHost(ctx, k)
			return errors.Join(unloaded, left, err)
		})
	case verbCleanup:
		return o.cleanup(ctx)
	default:
		return o.withKernel(func(k *kernel.Kernel) error { return o.serve(ctx, k) })
	}
}

func (o options) withKernel(action func(*kernel.Kernel) error) error {
	k, err := kernel.Open(kernel.Config{
		Scheduler:    o.Scheduler,
		Rules:        o.rules(),
		ExcludeCIDRs: o.ExcludeCIDRs,
		Accept:       o.Accept,
		StrictARP:    o.StrictARP,
		Record:       recordFile,
		Unrecorded:   func(err error) { klog.InfoS("Cleanup will not be able to restore sysctls and time-outs", "err", err) },
		Timeouts:     kernel.Timeouts{TCP: o.TCPTimeout, TCPFin: o.TCPFinTimeout, UDP: o.UDPTimeout},
	})
	if err != nil {
		return err
	}
	return errors.Join(action(k), k.Close())
}

// rules is what the packet program depends on.
func (o options) rules() rules.Config {
	return rules.Config{Mark: 1 << o.MasqueradeBit, MasqueradeAll: o.MasqueradeAll, Pods: o.pods(), AliasRanges: o.AliasRanges}
}

// pods says how Pods of this node are told from other clients.
func (o options) pods() rules.Pods {
	switch o.DetectLocal {
	case byNodeCIDR:
		return rules.Pods{Listed: true}
	case byBridge:
		return rules.Pods{Interface: o.BridgeInterface}
	case byInterfacePrefix:
		return rules.Pods{Interface: o.InterfacePrefix + "+"}
	}
	return rules.Pods{CIDRs: o.ClusterCIDRs}
}

// prepareHost sets what traffic needs of this machine, and tells what it could
// not set without which most things still work. What it may not write of the
// table of connections is not worth dying for: kube-proxy's defaults ask for it
// everywhere.
func (o options) prepareHost(ctx context.Context, k *kernel.Kernel) (left, err error) {
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
