//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	healthz = "http://127.0.0.1:10256"
	metrics = "http://127.0.0.1:10249"
)

// flags of every daemon: those of kube-proxy on such a node, and a period so
// long that nothing is ever right only because it was repaired.
func flags() []string {
	return []string{
		"--proxy-mode=ipvs",
		"--kubeconfig=" + os.Getenv("E2E_KUBECONFIG"),
		"--hostname-override=node",
		"--cluster-cidr=10.244.0.0/16,fd00:10:244::/56",
		"--ipvs-sync-period=10m",
		"--healthz-bind-address=127.0.0.1:10256",
		"--metrics-bind-address=127.0.0.1:10249",
		"-v=2",
	}
}

// daemon is the built kube-ipvs on a node.
type daemon struct {
	host    *lab.Namespace
	log     transcript // of all its runs
	process *lab.Process
}

// built lies beside the binary of these tests.
func built() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), "kube-ipvs"), err
}

// start returns when the daemon is ready. Further flags win.
func (d *daemon) start(further ...string) error {
	path, err := built()
	if err != nil {
		return err
	}
	d.process, err = d.host.Start(lab.Command{Path: path, Args: slices.Concat(flags(), further), Log: &d.log})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-d.process.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	err = lab.Until(ctx, func() error {
		_, err := d.get(healthz + "/readyz")
		return err
	})
	if err != nil {
		return fmt.Errorf("wait for the daemon: %w", err)
	}
	return nil
}

// get asks the daemon over HTTP, from its own host.
func (d *daemon) get(url string) (string, error) {
	client := http.Client{Timeout: soon, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return d.host.Dial(lab.TCP, netip.MustParseAddrPort(address), soon)
		},
	}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return string(body), err
}

// counted is what the daemon's metrics say, by name and labels.
type counted map[string]float64

// count reads the metrics whose name begins with prefix.
func (d *daemon) count(prefix string) (counted, error) {
	text, err := d.get(metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	all := counted{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		number, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			return nil, fmt.Errorf("read metric %q: %w", line, err)
		}
		all[line[:at]] = number
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the daemon has no metrics %s", prefix)
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

// runOnce runs a program, the daemon's if it is not named, to its end.
func (d *daemon) runOnce(t *testing.T, c lab.Command) (code int, output string) {
	t.Helper()
	if c.Path == "" {
		var err error
		if c.Path, err = built(); err != nil {
			t.Fatal(err)
		}
	}
	var said transcript
	c.Log = io.MultiWriter(&said, &d.log)
	p, err := d.host.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	case <-within(t, patience).Done():
		t.Errorf("%s %v did not end: %v", c.Path, c.Args, p.Kill())
	}
	return p.ExitCode(), said.String()
}

// kernelState is what other programs see of the daemon's work.
type kernelState struct{ IPVS, Sets, Rules, Addresses string }

// look runs all four programs at a time.
func (d *daemon) look() (s kernelState, err error) {
	var errs [4]error
	var looking sync.WaitGroup
	looking.Go(func() { s.IPVS, errs[0] = d.host.IPVS() })
	looking.Go(func() { s.Sets, errs[1] = d.host.Sets() })
	looking.Go(func() { s.Rules, errs[2] = d.host.Rules() })
	looking.Go(func() { s.Addresses, errs[3] = d.host.Addresses("kube-ipvs0") })
	looking.Wait()
	return s, errors.Join(errs[:]...)
}

func (d *daemon) mustLook(t *testing.T) kernelState {
	t.Helper()
	s, err := d.look()
	if err != nil {
		t.Fatal(err)
	}
	return s
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
