package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/nodelock"
)

// recordFile has the former values of sysctls and time-outs that we have changed. It is
// gone after a reboot, and so are the changes.
const recordFile = "/run/kube-ipvs/sysctls.json"

// errLeft ends a cleanup that could not remove all; what is left has been
// printed.
var errLeft = errors.New("something of kube-ipvs's or kube-proxy's is left")

// cleanup removes everything that we and kube-proxy have put into the kernel,
// and says what there was and what is left. It needs the kernel only.
func cleanup(ctx context.Context, o options.Options) error {
	o.Kernel.Record = recordFile
	k, err := kernel.OpenAsIs(o.Kernel)
	if err != nil {
		return err
	}
	if holder := nodelock.HolderOf(ctx, nodelock.Address); holder != nil {
		klog.InfoS("A daemon serves this node and makes again what is removed; stop it first", "daemon", holder)
	}
	var r removal
	if o.DryRun {
		plan := k.Scan(ctx, leftovers.Cleanup).Plan()
		r = newRemoval(nil, plan)
	} else {
		var outcome leftovers.Outcome
		outcome, err = leftovers.Remove(ctx, k, leftovers.Cleanup)
		r = newRemoval(outcome.Done, outcome.Found.Plan())
		if len(r.Todo)+len(r.Left) > 0 {
			err = errors.Join(err, errLeft)
		}
	}
	return errors.Join(r.print(os.Stdout, o.Output), err, k.Close())
}

// removal is what a cleanup prints.
type removal struct {
	Done []action            `json:"done"` // what has been removed
	Todo []action            `json:"todo"` // what would be removed, or could not be
	Left []leftovers.Blocked `json:"left"` // what others hold, or could not be looked at
}

// action is a step of it.
type action struct {
	Action  leftovers.Action  `json:"action"`
	Backend leftovers.Backend `json:"backend,omitempty"`
	Family  string            `json:"family,omitempty"`
	Objects []string          `json:"objects"`
}

func newRemoval(done []leftovers.Step, plan leftovers.Plan) removal {
	actions := func(steps []leftovers.Step) []action {
		all := []action{}
		for _, s := range steps {
			d := action{Action: s.Action, Backend: s.Where.Backend, Objects: s.Objects}
			if d.Backend != "" {
				d.Family = fmt.Sprintf("IPv%d", s.Where.Family)
			}
			all = append(all, d)
		}
		return all
	}
	return removal{Done: actions(done), Todo: actions(plan.Steps), Left: append([]leftovers.Blocked{}, plan.Stays...)}
}

// print writes one object a line, or all as JSON.
func (r removal) print(to io.Writer, output string) error {
	if output == "json" {
		e := json.NewEncoder(to)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	list := func(what string, actions []action) {
		for _, d := range actions {
			for _, o := range d.Objects {
				where := ""
				if d.Backend != "" {
					where = fmt.Sprintf("iptables-%s %s: ", d.Backend, d.Family)
				}
				fmt.Fprintf(&b, "%s: %s%s %s\n", what, where, d.Action, o)
			}
		}
	}
	list("done", r.Done)
	list("to do", r.Todo)
	for _, s := range r.Left {
		fmt.Fprintf(&b, "left: %s\n", s)
	}
	if len(r.Todo)+len(r.Left) == 0 {
		b.WriteString("nothing of kube-ipvs's or kube-proxy's is left\n")
	}
	_, err := io.WriteString(to, b.String())
	return err
}
