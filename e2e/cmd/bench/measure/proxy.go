//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// proxy is a daemon on the node.
type proxy struct {
	harness.Program
	job    desk.Job
	folder string // in memory, with the program
}

// newProxy copies the program to memory: a first start must not be about the
// disk it comes from.
func newProxy(host *lab.Namespace, job desk.Job) (*proxy, error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	p := &proxy{Program: harness.Program{Host: host}, job: job, folder: folder}
	program, err := os.ReadFile(job.Program)
	if err == nil {
		err = os.WriteFile(p.path(), program, 0o755)
	}
	return p, err
}

func (p *proxy) path() string { return filepath.Join(p.folder, filepath.Base(p.job.Program)) }

// start starts the daemon with the flags of all, and its own. It does not wait.
func (p *proxy) start() error {
	args := slices.Concat(harness.FromEnvironment().Flags(), harness.AnswersHere(), p.job.Args)
	if p.job.Profile {
		args = append(args, "--profiling")
	}
	return p.Spawn(lab.Command{Path: p.path(), Args: args})
}

func (p *proxy) stop() error {
	_, err := p.Stop()
	return err
}

func (p *proxy) close() error { return errors.Join(p.Kill(), os.RemoveAll(p.folder)) }

// synced tells whether the daemon says that its first pass is complete.
// kube-ipvs has to hold every row too, however many passes it makes of them.
func (p *proxy) synced() bool {
	all, err := p.Metrics("kube")
	if err != nil {
		return false // not there yet
	}
	passed := false
	for name, value := range all {
		if strings.HasPrefix(name, "kubeproxy_sync_proxy_rules_last_timestamp_seconds") && !strings.Contains(name, "IPv6") {
			passed = value > 0
		}
		if strings.HasPrefix(name, "kubeipvs_rows") && strings.Contains(name, `state="pending"`) && value > 0 {
			return false
		}
	}
	wanted := float64(p.job.Size.All() + len(p.job.Probes))
	return passed && (p.job.Proxy != figures.KubeIPVS || all[`kubeipvs_rows{kind="real server",state="observed"}`] >= wanted)
}

// rowsWritten is how many rows the daemon has changed in the kernel by its own
// count, nil if it does not count.
func (p *proxy) rowsWritten() (*float64, error) {
	if p.job.Proxy != figures.KubeIPVS {
		return nil, nil
	}
	all, err := p.Metrics("kubeipvs_kernel_rows_total")
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for _, n := range all {
		sum += n
	}
	return &sum, nil
}
