//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// Verbs that look show the kernel just when the daemon cannot be asked: while it
// waits for the API server, and when none runs (F1).
func TestVerbsThatLookWithoutADaemon(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := errors.Join(s.Kill(), s.start()); err != nil {
			t.Error(err)
		}
	})
	at := fmt.Sprintf("%s:%d", web.Spec.ClusterIP, port)
	shown := func(because string) {
		t.Helper()
		for _, c := range []struct {
			args []string
			code int
			want []string
		}{
			{[]string{"list"}, 0, []string{"TCP  " + at, s.Pod("p1").IPv4.String() + ":8080"}},
			{[]string{"trace", at}, 0, []string{"what the kernel holds", s.Pod("p1").IPv4.String() + ":8080"}},
			{[]string{"diff"}, 1, []string{"  virtual server " + at + "/TCP rr"}},
			{append([]string{"check"}, flags()...), 0, []string{"ok  IPVS", "ok  scheduler rr"}},
		} {
			code, said := s.verb(t, c.args...)
			if code != c.code {
				t.Errorf("%s: exit code %d, want %d", c.args[0], code, c.code)
			}
			for _, want := range append(c.want, "kube-ipvs: no daemon, because "+because) {
				if !strings.Contains(said, want) {
					t.Errorf("%s: want in it: %s", c.args[0], want)
				}
			}
			t.Log("\n" + said)
		}
	}
	t.Run("none runs", func(t *testing.T) {
		code, said := s.verb(t, "status")
		if code != 1 || !strings.Contains(said, "no daemon, because none answers") || !strings.Contains(said, "virtual server  ") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		shown("none answers in this network namespace")
	})
	t.Run("one waits for the API server", func(t *testing.T) {
		path, err := built()
		if err != nil {
			t.Fatal(err)
		}
		nowhere := slices.Concat(flags(), []string{"--master=https://127.0.0.1:1"})
		if err = s.Spawn(lab.Command{Path: path, Args: nowhere}); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			code, said := s.verb(t, "status")
			if code != 1 || !strings.Contains(said, "not ready: it has waited ") || !strings.Contains(said, " for the API server") {
				return fmt.Errorf("exit code %d:\n%s", code, said)
			}
			return nil
		})
		shown("the daemon that runs here has not begun: it has waited ")
	})
}
