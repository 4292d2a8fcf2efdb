//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	healthz = "http://127.0.0.1:10256"
	metrics = "http://127.0.0.1:10249"
)

// program runs on a node and answers where kube-proxy does.
type program struct {
	host    *lab.Namespace
	log     transcript // of all its runs
	process *lab.Process
}

// launch returns when the program, which goes on running, is ready; it is asked
// at this pace.
func (p *program) launch(c lab.Command, every time.Duration, ready func() error) error {
	c.Log = &p.log
	var err error
	if p.process, err = p.host.Start(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	go func() {
		select {
		case <-p.process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := lab.UntilEvery(ctx, every, ready); err != nil {
		return fmt.Errorf("wait for %s: %w", c.Path, err)
	}
	return nil
}

// get asks over HTTP, from the program's own host.
func (p *program) get(url string) (string, error) { return p.host.Get(url, soon) }

// counted is what a program's metrics say, by name and labels.
type counted map[string]float64

// count reads the metrics whose name begins with prefix.
func (p *program) count(prefix string) (counted, error) { return p.countAt(metrics, prefix) }

func (p *program) countAt(metrics, prefix string) (counted, error) {
	text, err := p.get(metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	all, err := lab.ParseMetrics(text, prefix)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there are no metrics %s", prefix)
	}
	return all, nil
}

// since is what has been added, without what has not changed.
func (c counted) since(before counted) counted {
	grown := counted{}
	for _, name := range slices.Collect(maps.Keys(c)) {
		if n := c[name] - before[name]; n != 0 {
			grown[name] = n
		}
	}
	return grown
}

// runOnce runs a command to its end.
func (p *program) runOnce(t *testing.T, c lab.Command) (code int, output string) {
	t.Helper()
	var said transcript
	c.Log = io.MultiWriter(&said, &p.log)
	process, err := p.host.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-process.Done():
	case <-within(t, 4*patience).Done():
		t.Errorf("%s %v did not end: %v", c.Path, c.Args, process.Kill())
	}
	return process.ExitCode(), said.String()
}

// transcript keeps what processes say.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string { return l.since(0) }

// since is what has been said after the first n bytes.
func (l *transcript) since(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()[n:]
}
