//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// demo is what the steps have in common.
type demo struct {
	*page
	stage  *stage
	fronts []front // of all Services, as the API has them now

	old, foreign []chain // kube-proxy's and the kubelet's, before the daemon starts

	asked    int      // requests
	problems []string // all that was not as it should be
	begin    time.Time
}

// show goes through all steps and tells whether all was as it should be.
func show(ctx context.Context, p *page, daemon, objects string) bool {
	d := &demo{page: p, begin: time.Now(), stage: &stage{path: daemon}}
	d.block("")
	d.title("kube-ipvs at work, in seven steps")
	err := d.stage.build(objects)
	if err == nil {
		err = d.steps(ctx)
	}
	if err != nil {
		d.wrong("%v", err)
	}
	if err := d.stage.close(); err != nil {
		d.wrong("%v", err)
	}
	d.close()
	return len(d.problems) == 0
}

// steps are the chapters of the story. One that cannot be shown ends it.
func (d *demo) steps(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		d.machine, d.before, d.start, d.requests, d.kernel, d.scale, d.after,
	} {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(err, context.Cause(ctx))
			}
			return err
		}
	}
	return nil
}

// wrong notes what was not as it should be.
func (d *demo) wrong(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// close is the last line, or all that went wrong with what the daemon has to
// say about it.
func (d *demo) close() {
	took := short(time.Since(d.begin))
	if len(d.problems) == 0 {
		d.title(fmt.Sprintf("%d requests, all answered as they should be; kube-proxy's chains are gone, the kubelet's stay. (%s)", d.asked, took))
		return
	}
	d.title(fmt.Sprintf("Not all was as it should be, after %d requests and %s:", d.asked, took))
	for _, problem := range d.problems {
		for line := range strings.Lines(problem) {
			d.say("%s", line)
		}
	}
	if log := d.stage.daemon.Log.String(); log != "" {
		d.say("What the daemon has said:")
		d.block(log)
	}
}

// node is the namespace that everything is about.
func (d *demo) node() *lab.Namespace { return d.stage.lab.Node.Namespace }
