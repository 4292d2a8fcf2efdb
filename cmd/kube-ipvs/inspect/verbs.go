package inspect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
	"github.com/kube-ipvs/kube-ipvs/proxier/adminsocket"
	"github.com/kube-ipvs/kube-ipvs/proxier/explain"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/found"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Verbs are those that need no flags of the daemon.
func Verbs() []*cobra.Command {
	status := &cobra.Command{
		Use: "status", Short: "Show the daemon of this node on one screen", Args: noArguments, RunE: showStatus,
	}
	status.Flags().StringP("output", "o", "text", "`form` of the output: text or json")
	trace := &cobra.Command{
		Use:   "trace NAMESPACE/SERVICE[:PORT] | IP:PORT[/PROTOCOL]",
		Short: "Say why a Service works on this node, or does not",
		Args:  usageArgs(cobra.ExactArgs(1)), RunE: showTrace,
	}
	trace.Flags().String("from", "", "`client` that asks, an IP address or \"node\": also say which rules concern it and what it reaches")
	return []*cobra.Command{
		status,
		{Use: "list", Short: "List what IPVS serves here, with the names of Services and Pods", Args: noArguments, RunE: showList},
		trace,
		{Use: "diff", Short: "Show what the daemon would change in the kernel if it looked now", Args: noArguments, RunE: showDiff},
	}
}

var noArguments = usageArgs(cobra.NoArgs)

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return UsageError{err}
		}
		return nil
	}
}

// views are the two sides: the machine, and the daemon if one serves here.
type views struct {
	machine snapshot.Machine
	daemon  *snapshot.Daemon
	begins  *snapshot.Daemon // one that does not serve yet
	absent  string           // why there is no daemon
}

// look asks the daemon first: what it says is older than what the kernel holds,
// never the other way round. Whatever keeps it from answering, the kernel is shown.
func look(cmd *cobra.Command, q snapshot.Question) (v views) {
	d, from, err := adminsocket.Ask(cmd.Context(), adminsocket.Address, q)
	switch {
	case err != nil:
		v.absent = err.Error()
	case d.Waiting != nil:
		v.begins, v.absent = &d, "the daemon that runs here has not begun: it "+explain.Waits(d)
	default:
		v.daemon = &d
	}
	if _, known := from.MayServe(); err == nil && !known {
		cmd.PrintErrln("kube-ipvs: whether it serves is not known of the one that answers:", from)
	}
	v.machine = found.Read(cmd.Context())
	for _, what := range v.machine.Unread {
		cmd.PrintErrln("kube-ipvs: not all can be seen:", what)
	}
	return v
}

// lookAndTell also says why there is no daemon, if that is so.
func lookAndTell(cmd *cobra.Command, q snapshot.Question) views {
	v := look(cmd, q)
	if v.daemon == nil {
		cmd.PrintErrln("kube-ipvs: no daemon, because", v.absent)
	}
	return v
}

func style(cmd *cobra.Command) explain.Style {
	out, ok := cmd.OutOrStdout().(*os.File)
	return explain.Style{Colour: ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(out.Fd()))}
}

func showStatus(cmd *cobra.Command, _ []string) error {
	form, err := cmd.Flags().GetString("output")
	if err != nil || form != "text" && form != "json" {
		return UsageError{errors.New("--output: must be text or json")}
	}
	v := look(cmd, snapshot.Question{})
	d := cmp.Or(v.daemon, v.begins)
	switch {
	case form == "json":
		err = printJSON(cmd, v, d)
	case d == nil:
		cmd.Print(explain.Alone(v.machine, v.absent))
	default:
		cmd.Print(explain.Status(v.machine, *d, style(cmd)))
	}
	if err == nil && (d == nil || !d.Health.Ready || !d.Health.Healthy) {
		err = ErrFound
	}
	return err
}

// printJSON prints what the daemon says, or why there is none.
func printJSON(cmd *cobra.Command, v views, d *snapshot.Daemon) error {
	var answer any = d
	if d == nil {
		answer = map[string]string{"absent": v.absent}
	}
	text, err := json.MarshalIndent(answer, "", "  ")
	if err == nil {
		cmd.Println(string(text))
	}
	return err
}

func showList(cmd *cobra.Command, _ []string) error {
	v := lookAndTell(cmd, snapshot.Question{Services: snapshot.All})
	cmd.Print(explain.List(v.machine, v.daemon))
	return nil
}

func showTrace(cmd *cobra.Command, args []string) error {
	target, err := explain.ParseTarget(args[0])
	if err != nil {
		return UsageError{err}
	}
	if from := cmd.Flags().Lookup("from"); from.Changed {
		if target.From, err = explain.ParseClient(from.Value.String()); err != nil {
			return UsageError{fmt.Errorf("--from: %w", err)}
		}
	}
	v := lookAndTell(cmd, target.Question())
	if d := v.daemon; d != nil && d.Rules != nil && d.Rules.Pods.Interface != "" && target.From.Addr.IsValid() {
		if target.From.Interface, err = device.InterfaceTo(target.From.Addr); err != nil {
			return err
		}
	}
	text, works := explain.Trace(v.machine, v.daemon, target, style(cmd))
	cmd.Print(text)
	if !works {
		return ErrFound
	}
	return nil
}

func showDiff(cmd *cobra.Command, _ []string) error {
	v := lookAndTell(cmd, snapshot.Question{Services: snapshot.All})
	text := explain.Diff(v.machine, v.daemon)
	cmd.Print(text)
	if text != "" || v.daemon == nil {
		return ErrFound
	}
	return nil
}

// Check takes the daemon's flags: they say what this machine has to have.
func Check(cmd *cobra.Command, o options.Options) error {
	v := lookAndTell(cmd, snapshot.Question{})
	text, worst := explain.Report(explain.Check(v.machine, v.daemon, explain.Requirements{
		Scheduler: o.Kernel.Scheduler, StrictARP: o.Kernel.StrictARP, Accept: o.Kernel.Accept != rules.AcceptNever,
		API: o.API.Address(), Pods: o.Kernel.Rules.Pods.CIDRs,
	}), style(cmd))
	cmd.Print(text)
	if worst == explain.Error {
		return ErrFound
	}
	return nil
}

// UsageError is a mistake in what was asked for, rather than in this machine.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }
func (e UsageError) Unwrap() error { return e.Err }

// ErrFound ends a verb that has found something and has said so.
var ErrFound = errors.New("found something")
