//go:build e2e

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// metalLB is the real one in layer 2 mode, built from its own module: its
// controller, and a speaker beside the daemon on each of three nodes that hang
// on one segment.
type metalLB struct {
	*cluster   // its daemon is that of the first node
	speakers   []*speaker
	controller harness.Program
}

// speaker is MetalLB's program on a node that the daemon serves.
type speaker struct {
	harness.Program
	node     *lab.Host
	daemon   *daemon
	relay    *lab.Relay
	hardware string // what others learn who ask for an address that it announces
	gone     bool
}

// newMetalLB builds nodes and programs, of which none runs yet.
func newMetalLB(t *testing.T) *metalLB {
	t.Helper()
	c, err := clusterIn(lab.Options{Nodes: 3, Pods: 1, RemotePods: 1})
	if err != nil {
		t.Fatal(err)
	}
	m := &metalLB{cluster: c}
	t.Cleanup(func() {
		if err := m.close(); err != nil {
			t.Error(err)
		}
	})
	for i, node := range c.Nodes {
		s := &speaker{Program: harness.Program{Host: node.Namespace}, node: node, daemon: &c.daemon, relay: c.relay}
		if i > 0 {
			s.daemon = &daemon{Program: harness.Program{Host: node.Namespace}}
			if s.relay, err = harness.RelayAPI(node.Namespace); err != nil {
				t.Fatal(err)
			}
		}
		if s.hardware, err = node.Hardware("eth0"); err != nil {
			t.Fatal(err)
		}
		m.speakers = append(m.speakers, s)
	}
	t.Cleanup(func() { m.tell(t) })
	return m
}

// tell shows what all programs have said, if the test has failed.
func (m *metalLB) tell(t *testing.T) {
	if !t.Failed() {
		return
	}
	t.Logf("the controller said:\n%s", m.controller.Log.String())
	for _, s := range m.speakers {
		t.Logf("the speaker of %s said:\n%s", s.node.Name, s.Log.String())
		t.Logf("the daemon of %s said:\n%s", s.node.Name, s.daemon.Log.String())
	}
}

func (m *metalLB) close() error {
	errs := []error{m.controller.Kill()}
	for _, s := range m.speakers {
		errs = append(errs, s.kill())
		if s.relay != m.relay {
			errs = append(errs, s.relay.Close())
		}
	}
	return errors.Join(append(errs, m.cluster.close())...)
}

// kill ends a node's programs as a power failure does.
func (s *speaker) kill() error {
	return errors.Join(s.Kill(), s.daemon.Kill())
}

// unplug takes a node away: its link is without carrier, and what ran is dead.
func (m *metalLB) unplug(t *testing.T, s *speaker) {
	t.Helper()
	s.gone = true
	_, err := m.Namespace("segment").Run("ip", "link", "set", s.node.Name, "down")
	if err := errors.Join(err, s.kill()); err != nil {
		t.Fatal(err)
	}
}

// startDaemons starts kube-ipvs on all nodes, once more if it runs.
func (m *metalLB) startDaemons(t *testing.T, further ...string) {
	t.Helper()
	err := parallel(len(m.speakers), func(i int) error {
		d := m.speakers[i].daemon
		if d.Process != nil {
			if _, err := d.Stop(); err != nil {
				return err
			}
		}
		return d.start(slices.Concat(further, []string{"--hostname-override=" + m.speakers[i].node.Name})...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startMetalLB starts controller and speakers, with what their manifests tell
// them. Webhooks would need a way from the API server to a Pod.
func (m *metalLB) startMetalLB(t *testing.T) {
	t.Helper()
	keys := t.TempDir()
	if err := os.WriteFile(filepath.Join(keys, "secretkey"), []byte("known to all speakers"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The controller talks to the API server alone, so it runs where no node can
	// take it along.
	m.controller.Host = m.Outside
	relay, err := harness.RelayAPI(m.Outside)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	err = parallel(len(m.speakers)+1, func(i int) error {
		if i == len(m.speakers) {
			return launchMetalLB(&m.controller, lab.Command{
				Path: inMetalLB("controller"), Args: []string{"--webhook-mode=disabled", "--port=0"},
				Env: []string{"METALLB_POD_NAME=controller"},
			})
		}
		s := m.speakers[i]
		// It looks at links in /sys, which has to be that of its own namespace.
		own := []string{"--mount", "sh", "-c", `mount -t sysfs none /sys && exec "$0" --port=0`, inMetalLB("speaker")}
		return launchMetalLB(&s.Program, lab.Command{Path: "unshare", Args: own, Env: []string{
			"METALLB_NODE_NAME=" + s.node.Name,
			"METALLB_POD_NAME=" + s.podName(),
			"METALLB_ML_BIND_ADDR=" + s.node.IPv4.String(),
			"METALLB_ML_LABELS=" + speakerLabels.String(),
			"METALLB_ML_SECRET_KEY_PATH=" + keys,
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func launchMetalLB(p *harness.Program, c lab.Command) error {
	c.Env = append(c.Env, "METALLB_NAMESPACE="+metalLBNamespace, "KUBECONFIG="+os.Getenv("E2E_KUBECONFIG"))
	return p.Start(c, 200*time.Millisecond, func() error {
		_, err := p.Get("http://127.0.0.1:17472/readyz")
		return err
	})
}

// inMetalLB is the path of something that build.sh has made of the module.
func inMetalLB(name string) string { return filepath.Join(os.Getenv("E2E_METALLB"), name) }

// announcers are the nodes that answer when the client outside asks for an
// address.
func (m *metalLB) announcers(addr netip.Addr) (all []*speaker, err error) {
	found, err := m.Outside.WhoHas("eth0", addr)
	if err != nil {
		return nil, err
	}
	for _, hardware := range found {
		i := slices.IndexFunc(m.speakers, func(s *speaker) bool { return s.hardware == hardware })
		if i < 0 {
			return nil, fmt.Errorf("%s, which is no node, answers for %s", hardware, addr)
		}
		all = append(all, m.speakers[i])
	}
	slices.SortFunc(all, func(a, b *speaker) int { return cmp.Compare(a.node.Name, b.node.Name) })
	return all, nil
}

// announcer waits until one node answers for both addresses, and no other.
func (m *metalLB) announcer(t *testing.T, at pair) (one *speaker) {
	t.Helper()
	err := lab.Until(within(t, patience), func() error {
		four, err4 := m.announcers(at.v4)
		six, err6 := m.announcers(at.v6)
		if err := errors.Join(err4, err6); err != nil {
			return err
		}
		if len(four) != 1 || len(six) != 1 || four[0] != six[0] {
			return fmt.Errorf("%v answer ARP for %s, %v neighbour discovery for %s; want one node", four, at.v4, six, at.v6)
		}
		one = four[0]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// String is the node.
func (s *speaker) String() string { return s.node.Name }

func (s *speaker) podName() string { return "speaker-" + s.node.Name }
