//go:build e2e

package e2e

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// A second copy, as there is in a surge upgrade, waits for the first, says so,
// and takes over when that ends (F22).
func TestTheSecondCopyWaits(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	before := s.mustLook(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	const probes = "http://127.0.0.1:20256"
	var said harness.Log
	second, err := s.Host.Start(lab.Command{Path: path, Log: &said, Args: slices.Concat(flags(),
		[]string{"--healthz-bind-address=127.0.0.1:20256", "--metrics-bind-address=127.0.0.1:20249"})})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the second copy said:\n%s", said.String())
		}
	}()
	err = lab.Until(within(t, patience), func() error {
		if text := said.String(); !strings.Contains(text, "waiting for its end") || !strings.Contains(text, " of node ") {
			return errors.New("it does not say for whom it waits")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("it is alive and not ready, and touches nothing", func(t *testing.T) {
		err := lab.Until(within(t, patience), func() error {
			_, err := s.Get(probes + "/livez")
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if _, err := s.Get(probes + "/readyz"); err == nil {
			t.Error("it says that it is ready")
		}
		s.becomes(before)
	})
	t.Run("it takes over", func(t *testing.T) {
		begin := time.Now()
		if code, err := s.Stop(); err != nil || code != 0 {
			t.Fatalf("exit code %d, %v; want 0", code, err)
		}
		err := lab.UntilEvery(within(t, patience), 20*time.Millisecond, func() error {
			_, err := s.Get(probes + "/readyz")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("ready %s after the first was told to end", time.Since(begin).Round(time.Millisecond))
		s.becomes(before)
		web.setEndpoints(endpoints{"r1": ready})
		web.untilOnly("r1")
	})
}
