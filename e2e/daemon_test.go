//go:build e2e

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// flags of every daemon: those of kube-proxy on such a node, and a period so
// long that nothing is ever right only because it was repaired.
func flags() []string {
	return []string{
		"--proxy-mode=ipvs",
		"--kubeconfig=" + os.Getenv("E2E_KUBECONFIG"),
		"--hostname-override=node",
		"--cluster-cidr=" + podRanges,
		"--ipvs-sync-period=10m",
		"--healthz-bind-address=127.0.0.1:10256",
		"--metrics-bind-address=127.0.0.1:10249",
		"-v=2",
	}
}

// podRanges are those of all nodes.
const podRanges = "10.244.0.0/16,fd00:10:244::/56"

// daemon is the built kube-ipvs on a node.
type daemon struct {
	program
	env []string // beside that of the tests

	initialised string // the flags with which an init container has run
}

// built lies beside the binary of these tests.
func built() (string, error) { return beside("kube-ipvs") }

// beside is a program that was built into the same folder as these tests.
func beside(name string) (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), name), err
}

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
	return d.launch(command, 20*time.Millisecond, func() error {
		_, err := d.get(healthz + "/readyz")
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
	return d.program.runOnce(t, c)
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
