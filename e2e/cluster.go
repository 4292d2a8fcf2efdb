//go:build e2e

package e2e

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	soon     = 5 * time.Second        // never met by what works
	patience = time.Minute            // for what takes the daemon some passes, in an emulated machine
	long     = 500 * time.Millisecond // to wait for what must not come
)

var (
	api    *kubernetes.Clientset
	shared *cluster // what most tests use
)

// cluster is a lab with a daemon on its node. All clusters are of one API
// server: two daemons at a time have the same Services.
type cluster struct {
	*lab.Lab
	daemon
	relay *lab.Relay
}

// newCluster builds one whose daemon does not run yet.
func newCluster() (*cluster, error) {
	return clusterIn(lab.Options{NodeAddrs: []netip.Prefix{
		netip.PrefixFrom(nodeAddrs[2], 24), netip.PrefixFrom(nodeAddrs[3], 64),
	}})
}

func clusterIn(o lab.Options) (*cluster, error) {
	o.ServedIPv6 = true
	l, err := lab.New(o)
	if err != nil {
		return nil, err
	}
	c := &cluster{Lab: l, daemon: daemon{Program: harness.Program{Host: l.Node.Namespace}}}
	if c.relay, err = harness.RelayAPI(c.Host); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return c, nil
}

// close ends the daemon too, if it runs.
func (c *cluster) close() error {
	return errors.Join(c.Kill(), c.relay.Close(), c.Close())
}

// ownCluster is one for a test that needs a node of its own.
func ownCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := newCluster()
	return owned(t, c, err)
}

// clusterOf is one with a node of its own in such a lab.
func clusterOf(t *testing.T, o lab.Options) *cluster {
	t.Helper()
	c, err := clusterIn(o)
	return owned(t, c, err)
}

func owned(t *testing.T, c *cluster, err error) *cluster {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon said:\n%s", c.Log.String())
		}
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// within is a context for one thing that has to happen.
func within(t *testing.T, d time.Duration) context.Context {
	// Not the test's: that one has ended when cleaning up begins.
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually tries until it succeeds, for as long as the daemon may take.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	if err := lab.UntilEvery(within(t, patience), 20*time.Millisecond, try); err != nil {
		t.Fatal(err)
	}
}
