//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/desk"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// proxy is a daemon on the node.
type proxy struct {
	host    *lab.Namespace
	job     desk.Job
	folder  string // in memory, with the program
	log     transcript
	process *lab.Process
}

// newProxy copies the program to memory: a first start must not be about the
// disk it comes from.
func newProxy(host *lab.Namespace, job desk.Job) (*proxy, error) {
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	p := &proxy{host: host, job: job, folder: folder}
	program, err := os.ReadFile(job.Program)
	if err == nil {
		err = os.WriteFile(p.program(), program, 0o755)
	}
	return p, err
}

func (p *proxy) program() string { return filepath.Join(p.folder, filepath.Base(p.job.Program)) }

// start starts the daemon with the flags of all, and its own.
func (p *proxy) start() (err error) {
	args := slices.Concat([]string{
		"--kubeconfig=" + os.Getenv("E2E_KUBECONFIG"),
		"--hostname-override=node",
		"--cluster-cidr=10.244.0.0/16,fd00:10:244::/56",
		"--healthz-bind-address=127.0.0.1:10256",
		"--metrics-bind-address=127.0.0.1:10249",
	}, p.job.Args)
	if p.job.Profile {
		args = append(args, "--profiling")
	}
	p.process, err = p.host.Start(lab.Command{Path: p.program(), Args: args, Log: &p.log})
	return err
}

func (p *proxy) stop() error {
	_, err := p.process.Stop()
	return err
}

func (p *proxy) close() error {
	var err error
	if p.process != nil {
		err = p.process.Kill()
	}
	return errors.Join(err, os.RemoveAll(p.folder))
}

// alive is an error, with the last words, when the daemon has ended.
func (p *proxy) alive() error {
	select {
	case <-p.process.Done():
		return fmt.Errorf("the proxy has ended (exit code %d); its last words:\n%s", p.process.ExitCode(), p.log.end())
	default:
		return nil
	}
}

// metrics are the daemon's whose name begins with prefix, by name and labels.
func (p *proxy) metrics(prefix string) (map[string]float64, error) {
	text, err := p.host.Get("http://127.0.0.1:10249/metrics", 10*time.Second)
	if err != nil {
		return nil, err
	}
	return lab.ParseMetrics(text, prefix)
}

// synced tells whether the daemon says that its first pass is complete.
// kube-ipvs has to hold every row too, however many passes it makes of them.
func (p *proxy) synced() bool {
	all, err := p.metrics("kube")
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
	all, err := p.metrics("kubeipvs_kernel_rows_total")
	if err != nil {
		return nil, err
	}
	sum := 0.0
	for _, n := range all {
		sum += n
	}
	return &sum, nil
}

// transcript keeps the end of what a daemon says.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const lastWords = 4 << 10

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() > 1<<20 {
		t.text.Next(t.text.Len() - lastWords)
	}
	return t.text.Write(p)
}

func (t *transcript) end() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := t.text.String()
	return text[max(0, len(text)-lastWords):]
}
