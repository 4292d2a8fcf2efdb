package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/crowd"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/page"
)

// bench measures the cells one after the other and writes what it has.
func bench(ctx context.Context, opts options, p programs) error {
	file := filepath.Join(opts.out, "results.json")
	all, err := read(file)
	if err != nil {
		return err
	}
	api, err := crowd.Open(ctx, os.Getenv("E2E_KUBECONFIG"))
	if err != nil {
		return err
	}
	begin, todo, left := time.Now(), opts.cells, time.Duration(0)
	if opts.resume {
		todo = undone(todo, all)
	}
	for _, c := range todo {
		left += c.estimate
	}
	var failed error
	for i, c := range todo {
		c = complete(c, p)
		fmt.Fprintf(os.Stderr, "bench: %s (%d of %d), about %s; %s since the begin, about %s left\n",
			c.name(), i+1, len(todo), c.estimate, time.Since(begin).Round(time.Second), left)
		left -= c.estimate
		c.job.Profile = opts.profiles != "" && c.job.Proxy == figures.KubeIPVS
		o := &outer{ctx: ctx, job: c.job, api: api, profiles: opts.profiles, noted: func(c figures.Cell) error {
			all.Put(c)
			return write(opts, file, all)
		}}
		if err := o.measure(opts.bin, c.limit()); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", c.name(), err))
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", c.name(), err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	print(all)
	return failed
}

// render writes everything that is made of the results anew.
func render(opts options) error {
	file := filepath.Join(opts.out, "results.json")
	all, err := read(file)
	if err != nil {
		return err
	}
	print(all)
	return write(opts, file, all)
}

// undone are the cells that the run does not have complete.
func undone(cells []cell, r figures.Run) (todo []cell) {
	for _, c := range cells {
		if done, _ := r.Cell(c.job.Proxy, c.job.Size); !done.Complete() {
			todo = append(todo, c)
		}
	}
	return todo
}

// print shows how the targets came out.
func print(r figures.Run) {
	for _, t := range r.Targets() {
		fmt.Printf("%-14s %s: %s\n", t.Verdict, t.Promise, t.Figure)
	}
}

// outer serves the inner half.
type outer struct {
	ctx   context.Context //nolint:containedctx // net/rpc has none to hand on
	job   desk.Job
	api   *crowd.Crowd
	noted func(figures.Cell) error

	profiles string // folder
	last     figures.Cell
}

// measure makes the crowd and runs the inner half.
func (o *outer) measure(bin string, limit time.Duration) (err error) {
	begin := time.Now()
	if o.job.Probes, err = o.api.Become(o.ctx, o.job.Size, o.job.At[0]); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: the API holds %s after %s\n", o.job.Size, time.Since(begin).Round(100*time.Millisecond))
	l, variable, err := desk.Serve(o)
	if err != nil {
		return err
	}
	defer l.Close()
	cmd := child.Command(o.ctx, filepath.Join(bin, "vm"), "-timeout", limit.String(), "--", filepath.Join(bin, "measure"))
	cmd.Env = append(os.Environ(), variable)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	code, err := child.Run(cmd)
	if err == nil && code != 0 {
		err = fmt.Errorf("the inner half ended with exit code %d", code)
		if o.last.Problem == "" {
			o.last.Proxy, o.last.Size, o.last.Problem = o.job.Proxy, o.job.Size, err.Error()
			err = errors.Join(err, o.noted(o.last))
		}
	}
	return err
}

// Job, Move, Churn and Note are for the inner half.
func (o *outer) Job() (desk.Job, error) { return o.job, nil }

func (o *outer) Move(m desk.Move) error { return o.api.Move(o.ctx, m) }

func (o *outer) Churn(c desk.Churn) (desk.Churned, error) { return o.api.Churn(o.ctx, c) }

func (o *outer) Note(c figures.Cell) error {
	o.last = c
	return o.noted(c)
}

// Keep writes a profile.
func (o *outer) Keep(p desk.Profile) error {
	name := strings.ReplaceAll(cell{job: o.job}.name()+"-"+p.Step+".pprof", "/", "-")
	return errors.Join(os.MkdirAll(o.profiles, 0o755), os.WriteFile(filepath.Join(o.profiles, name), p.Data, 0o644))
}

// read is content with a file that is not there.
func read(file string) (r figures.Run, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read earlier results: %w", err)
	}
	return r, nil
}

// write writes the results and everything that is made of them.
func write(opts options, file string, r figures.Run) error {
	text, err := lines(r)
	if err != nil {
		return err
	}
	files := map[string]string{file: text, filepath.Join(opts.out, "README.md"): page.Markdown(r)}
	for name, svg := range page.Charts(r) {
		files[filepath.Join(opts.out, name)] = svg
	}
	if opts.readme != "" {
		old, err := os.ReadFile(opts.readme)
		if err != nil {
			return err
		}
		if files[opts.readme], err = page.Readme(string(old), r); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(opts.out, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lines is the run as JSON with a cell a line, so that a diff shows which were
// measured again.
func lines(r figures.Run) (string, error) {
	var b strings.Builder
	b.WriteString("{\"cells\": [\n")
	for i, c := range r.Cells {
		text, err := json.Marshal(c)
		if err != nil {
			return "", err
		}
		b.Write(text)
		if i < len(r.Cells)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.String(), nil
}
