//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// flags of every daemon: those of kube-proxy on such a node, and a period so
// long that nothing is ever right only because it was repaired.
func flags() []string {
	return slices.Concat(
		[]string{"--proxy-mode=ipvs"},
		harness.FromEnvironment().Flags(),
		[]string{"--ipvs-sync-period=10m"},
		harness.AnswersHere(),
		[]string{"-v=2"},
	)
}

// daemon is the built kube-ipvs on a node.
type daemon struct {
	harness.Program
	env []string // beside that of the tests

	initialised string // the flags with which an init container has run
}

// built lies beside the binary of these tests.
func built() (string, error) { return harness.Beside("kube-ipvs") }

// start returns when the daemon is ready. Further flags win.
func (d *daemon) start(further ...string) error {
	path, err := built()
	if err != nil {
		return err
	}
	command := lab.Command{Path: path, Args: slices.Concat(flags(), further), Env: d.env}
	if inContainer() {
		if command, err = d.contained(command); err != nil {
			return err
		}
	}
	return d.startAs(command)
}

// startAs starts the daemon by this command, and returns when it is ready.
func (d *daemon) startAs(c lab.Command) error {
	return d.Start(c, 20*time.Millisecond, func() error {
		_, err := d.Get(harness.HealthzURL + "/readyz")
		return err
	})
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
	return runOnce(t, &d.Program, c)
}

// runOnce runs a command beside a program, to its end.
func runOnce(t *testing.T, p *harness.Program, c lab.Command) (code int, output string) {
	t.Helper()
	code, output, err := p.RunOnce(within(t, 4*patience), c)
	if err != nil {
		t.Error(err)
	}
	return code, output
}

// counted is what a program's metrics say, by name and labels.
type counted map[string]float64

// count reads the daemon's metrics whose name begins with prefix; there must be some.
func (d *daemon) count(prefix string) (counted, error) { return d.countAt(harness.MetricsURL, prefix) }

func (d *daemon) countAt(url, prefix string) (counted, error) {
	all, err := d.MetricsAt(url, prefix)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there are no metrics %s", prefix)
	}
	return all, err
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

// kernelState is what other programs see of the daemon's work.
type kernelState struct{ IPVS, Sets, Rules, Addresses string }

// look runs all four programs at a time.
func (d *daemon) look() (s kernelState, err error) {
	var errs [4]error
	var looking sync.WaitGroup
	looking.Go(func() { s.IPVS, errs[0] = d.Host.IPVS() })
	looking.Go(func() { s.Sets, errs[1] = d.Host.Sets() })
	looking.Go(func() { s.Rules, errs[2] = d.Host.Rules() })
	looking.Go(func() { s.Addresses, errs[3] = d.Host.Addresses("kube-ipvs0") })
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
