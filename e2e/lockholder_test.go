//go:build e2e

package e2e

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// squatAt makes this program hold an abstract address and say nothing.
const squatAt = "E2E_SQUAT_AT"

func squatting(at string) error {
	l, err := net.Listen("unix", at)
	if err != nil {
		return err
	}
	for {
		if _, err := l.Accept(); err != nil {
			return err
		}
	}
}

// squat has a process of root's do that on the node. Before it stands what takes
// rights away from it.
func (s *space) squat(t *testing.T, address string, without ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(slices.Clone(without), self)
	p, err := s.Host.Start(lab.Command{Path: command[0], Args: command[1:], Env: []string{squatAt + "=" + address}, Log: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, func() error {
		sockets, err := s.Host.Run("cat", "/proc/self/net/unix")
		if err == nil && !strings.Contains(sockets, " "+address+"\n") {
			err = errors.New("no process has " + address)
		}
		return err
	})
}

// A process of root's that could not serve keeps no daemon from serving; one that
// could is waited for, says nothing, and is named all the same, while probes are
// answered (F22).
func TestAMuteHolderOfTheTurn(t *testing.T) {
	if inContainer() {
		return // who holds it is in another PID namespace: nodelock/TestOneThatCannotBeSeenIsNotWaitedForForEver
	}
	for name, c := range map[string]struct {
		without []string
		serves  bool
	}{
		"without rights": {[]string{"setpriv", "--bounding-set=-all"}, true},
		"with rights":    {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := shared.space(t)
			if err := s.Kill(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // the usual daemon comes back
				if err := errors.Join(s.Kill(), s.start()); err != nil {
					t.Error(err)
				}
			})
			s.squat(t, "@kube-ipvs-lock", c.without...)
			said := s.Log.Len()
			if c.serves {
				if err := s.start(); err != nil {
					t.Fatal(err)
				}
				if text := s.Log.Since(said); !strings.Contains(text, " of user 0 has no CAP_NET_ADMIN") {
					t.Errorf("it has not been named:\n%s", text)
				}
				return
			}
			path, err := built()
			if err != nil {
				t.Fatal(err)
			}
			if err = s.Spawn(lab.Command{Path: path, Args: flags()}); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error {
				if text := s.Log.Since(said); !strings.Contains(text, "waiting for its end") || !strings.Contains(text, " of user 0") {
					return errors.New("it is not said for whom the daemon waits")
				}
				_, err := s.Get(harness.HealthzURL + "/livez")
				return err
			})
			if _, err := s.Get(harness.HealthzURL + "/readyz"); err == nil {
				t.Error("it is ready without the lock")
			}
		})
	}
}
