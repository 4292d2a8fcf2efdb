//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// While iptables-save hangs, with a helper that it has started, changes of
// endpoints reach the kernel at once (F31). That it was killed is told, and once
// it works again the rules are put right.
func TestNobodyWaitsForAProgramThatHangs(t *testing.T) {
	if inContainer() {
		return // its programs are the image's
	}
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	before := s.mustLook(t)
	programs := t.TempDir()
	hangs := filepath.Join(programs, "hangs")
	real, err := exec.LookPath("iptables-save")
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\n[ ! -e %s ] || sleep 1000\nexec %s \"$@\"\n", hangs, real)
	if err := os.WriteFile(filepath.Join(programs, "iptables-save"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	again := func(env ...string) {
		s.env = env
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
		if err := s.start(); err != nil {
			t.Error(err)
		}
	}
	again("PATH=" + programs + ":" + os.Getenv("PATH"))
	t.Cleanup(func() { again() })
	said := s.Log.Len()
	if err := os.WriteFile(hangs, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s.mustRun(t, "iptables", "-t", "nat", "-F", "KIPVS-MARK") // the kernel tells of that, and the daemon looks
	killed := "run iptables-save: it did not end within"
	from, to := "p1", "r1"
	for changes := 0; !strings.Contains(s.Log.Since(said), killed); changes++ {
		if changes > 1000 {
			t.Fatal("the program has not been killed")
		}
		from, to = to, from
		begin := time.Now()
		web.setEndpoints(endpoints{from: ready})
		web.untilOnly(from)
		if took := time.Since(begin); took > patience/4 {
			t.Errorf("change %d took %s while a program hung", changes, took.Round(time.Millisecond))
		}
	}
	if err := os.Remove(hangs); err != nil {
		t.Fatal(err)
	}
	s.mustRun(t, "iptables", "-t", "nat", "-A", "KIPVS-MARK", "-j", "RETURN") // so that it looks again
	err = lab.Until(within(t, patience), func() error {
		now, err := s.look()
		if err == nil && now.Rules != before.Rules {
			err = fmt.Errorf("the rules are not as before:\n%s", now.Rules)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if left, err := s.Host.Run("pgrep", "-fx", "sleep 1000"); err == nil {
		t.Errorf("what it had started is still there: %s", left)
	}
	err = lab.Until(within(t, patience), func() error {
		n, err := s.count("kubeipvs_failures_total")
		if err == nil && n[`kubeipvs_failures_total{operation="prepare the kernel"}`] == 0 {
			err = errors.New("it is not counted")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
