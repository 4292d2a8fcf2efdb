package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/inspect"
	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

// newRoot is the whole command line. Whatever runs the daemon, prepares for it
// or cleans up after it takes kube-proxy's flags, which options.Parse reads: cobra knows
// them for completion and man pages only. Verbs that look have flags of their
// own, and cobra reads those.
func newRoot() *cobra.Command {
	root := daemonCommand("kube-ipvs [flags]", "Serve Kubernetes Services on this node with IPVS")
	root.Long = introduction
	root.Args = cobra.ArbitraryArgs // parse says which words there are
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(os.Stdout) // cobra prints to standard error by itself
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return inspect.UsageError{Err: err} })
	root.AddCommand(
		daemonCommand("init [flags]", "Do what needs full privileges, and exit: modules and sysctls"),
		daemonCommand("cleanup [flags]", "Remove what a Service proxy has put into the kernel, and exit"),
		daemonCommand("check [flags]", "Check this machine for what a daemon with these flags needs"),
	)
	root.AddCommand(inspect.Verbs()...)
	root.InitDefaultCompletionCmd()
	return root
}

// daemonCommand takes the daemon's flags. Its name, unless it is the daemon
// itself, is the word by which parse knows what to do.
func daemonCommand(use, short string) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, DisableFlagParsing: true, DisableFlagsInUseLine: true}
	c.Flags().SortFlags = false
	c.Flags().AddFlagSet(options.Flags())
	c.SetHelpFunc(func(asked *cobra.Command, _ []string) { asked.Print(usage(asked.Root())) })
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.HasParent() {
			args = append([]string{cmd.Name()}, args...)
		}
		return runDaemon(cmd, args)
	}
	return c
}

// exitCode is 2 for a mistake in what was asked for and 1 for what this machine
// lacks, or for a verb that has found something.
func exitCode(err error) int {
	var usage inspect.UsageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return 2
	}
	return 1
}

// execute does what args ask for.
func execute(ctx context.Context, args []string) error {
	root := newRoot()
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}
