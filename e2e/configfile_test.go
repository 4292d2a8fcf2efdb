//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A daemon whose configuration file changes ends and says why, and leaves all in
// the kernel for the one that is started in its place.
func TestTheConfigurationFileChanges(t *testing.T) {
	if inContainer() {
		return // there the file is that of the manifest, and is not written to
	}
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	before := s.mustLook(t)
	file := filepath.Join(t.TempDir(), "config.conf")
	if code, said := s.verb(t, slices.Concat(flags(), []string{"--write-config-to=" + file})...); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := errors.Join(s.Kill(), s.start()); err != nil {
			t.Error(err)
		}
	})
	said := s.Log.Len()
	if err := s.start("--config=" + file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("nonsense")
	eventually(t, func() error {
		if !strings.Contains(s.Log.Since(said), "The configuration file has changed and cannot be used") {
			return errors.New("a file that cannot be used is not told of")
		}
		return nil
	})
	web.setEndpoints(endpoints{"r1": ready})
	web.untilOnly("r1")
	web.setEndpoints(endpoints{"p1": ready})
	web.untilOnly("p1")
	write(strings.Replace(string(text), "scheduler: rr", "scheduler: lc", 1))
	select {
	case <-s.Process.Done():
	case <-within(t, patience).Done():
		t.Fatal("the file has changed, and the daemon goes on")
	}
	if code := s.Process.ExitCode(); code != 1 || !strings.Contains(s.Log.Since(said), file+" has changed: ending") {
		t.Errorf("exit code %d, and it said\n%s", code, s.Log.Since(said))
	}
	if now := s.mustLook(t); now.Addresses != before.Addresses || now.Rules != before.Rules {
		t.Error("it has taken its work along")
	}
	if err := s.start("--config=" + file); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		servers, err := s.Host.IPVS()
		if err == nil && !strings.Contains(servers, fmt.Sprintf("TCP %s:%d lc", web.Spec.ClusterIP, port)) {
			err = fmt.Errorf("the new file does not count:\n%s", servers)
		}
		return err
	})
}
