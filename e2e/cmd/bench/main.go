package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

func main() { child.Main("bench", run) }

// programs are the proxies.
type programs struct {
	kubeIPVS, kubeIPVSVersion   string
	kubeProxy, kubeProxyVersion string
}

// options are the flags, checked.
type options struct {
	cells  []cell
	bin    string // the folder with kube-ipvs, vm and measure
	out    string
	readme string
	resume bool
	render bool

	profiles string // folder; empty: none are made
	proxy    string // kube-proxy's folder
}

func run(ctx context.Context) (int, error) {
	opts, err := parse(os.Args[1:])
	if err != nil {
		return 0, err
	}
	if opts.render {
		return 0, render(opts)
	}
	p, err := findPrograms(ctx, opts)
	if err != nil {
		return 0, err
	}
	return 0, bench(ctx, opts, p)
}

func parse(args []string) (opts options, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return opts, err
	}
	self, err := os.Executable()
	if err != nil {
		return opts, err
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	words := flags.String("cells", "", "only these cells, `names` like kube-ipvs/1000x10 or nftables/* with commas between")
	small := flags.Bool("quick", false, "what takes five minutes")
	flags.BoolVar(&opts.resume, "resume", false, "leave out cells that results.json has complete")
	flags.BoolVar(&opts.render, "render", false, "measure nothing: write the page, its charts and the README's table from results.json")
	flags.StringVar(&opts.bin, "bin", filepath.Dir(self), "the `folder` with kube-ipvs, vm and measure")
	flags.StringVar(&opts.proxy, "kube-proxy", filepath.Join(cache, "kube-ipvs", "bin"), "the `folder` with kube-proxy")
	flags.StringVar(&opts.profiles, "profiles", "", "a `folder` for a processor profile of each step of kube-ipvs, which costs it some of its speed")
	flags.StringVar(&opts.out, "out", "docs/bench", "the `folder` for results.json, the page and its charts")
	flags.StringVar(&opts.readme, "readme", "", "the README `file` that gets a table; empty: none")
	if err := flags.Parse(args); err != nil {
		return opts, err
	}
	if flags.NArg() > 0 {
		return opts, fmt.Errorf("%q: not a flag", flags.Arg(0))
	}
	all := full()
	if *small {
		all = quick()
		*words = cmp.Or(*words, quickCells)
	}
	opts.cells, err = choose(all, *words)
	return opts, err
}

// findPrograms makes sure that all are there and asks the proxies who they are.
func findPrograms(ctx context.Context, opts options) (p programs, err error) {
	p.kubeIPVS, p.kubeProxy = filepath.Join(opts.bin, "kube-ipvs"), filepath.Join(opts.proxy, "kube-proxy")
	var errs [4]error
	p.kubeIPVSVersion, errs[0] = version(ctx, p.kubeIPVS)
	p.kubeProxyVersion, errs[1] = version(ctx, p.kubeProxy)
	_, errs[2] = os.Stat(filepath.Join(opts.bin, "vm"))
	_, errs[3] = os.Stat(filepath.Join(opts.bin, "measure"))
	return p, errors.Join(errs[:]...)
}

// version is the last word of what a program says of itself.
func version(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").CombinedOutput()
	words := strings.Fields(string(out))
	if err == nil && len(words) == 0 {
		err = errors.New("it says nothing")
	}
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", program, err)
	}
	return words[len(words)-1], nil
}
