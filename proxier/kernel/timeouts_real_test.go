//go:build e2e

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	moby "github.com/moby/ipvs"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// kernelsOwn are the time-outs of a namespace in which none has been set.
var kernelsOwn = moby.Config{TimeoutTCP: 15 * time.Minute, TimeoutTCPFin: 2 * time.Minute, TimeoutUDP: 5 * time.Minute}

// TestTimeouts follows those of IPVS through daemons with and without flags, and
// through a cleanup, which puts back what was there before all of them (K33, K85).
func TestTimeouts(t *testing.T) {
	kerneltest.FreshNamespace(t)
	cfg := config
	cfg.Record = filepath.Join(t.TempDir(), "sysctls.json")
	cfg.Unrecorded = func(err error) { t.Error(err) }
	expectTimeouts(t, kernelsOwn)
	aDay := kernelsOwn
	aDay.TimeoutTCP = 24 * time.Hour
	for _, step := range []struct {
		what string
		ask  ipvs.Timeouts
		want moby.Config
	}{
		{"nobody asks for anything", ipvs.Timeouts{}, aDay},
		{"a restart", ipvs.Timeouts{}, aDay},
		{"others are asked for", ipvs.Timeouts{TCP: 20 * time.Minute, UDP: time.Minute}, moby.Config{
			TimeoutTCP: 20 * time.Minute, TimeoutTCPFin: 2 * time.Minute, TimeoutUDP: time.Minute,
		}},
		{"no longer", ipvs.Timeouts{}, aDay},
		{"the kernel's own is asked for", ipvs.Timeouts{TCP: 15 * time.Minute}, kernelsOwn},
		{"no longer either", ipvs.Timeouts{}, aDay},
	} {
		cfg.Timeouts = step.ask
		setUpHost(t, cfg)
		t.Log(step.what)
		expectTimeouts(t, step.want)
	}

	// Another namespace has its own.
	t.Run("another namespace", func(t *testing.T) {
		kerneltest.FreshNamespace(t)
		expectTimeouts(t, kernelsOwn)
		theirs := kernelsOwn
		theirs.TimeoutTCP = 30 * time.Minute
		h := library(t)
		defer h.Close()
		if err := h.SetConfig(&theirs); err != nil {
			t.Fatal(err)
		}
		setUpHost(t, config)
		expectTimeouts(t, theirs) // it has been chosen
	})

	expectTimeouts(t, aDay)
	clean, err := OpenAsIs(Config{Record: cfg.Record})
	if err != nil {
		t.Fatal(err)
	}
	defer clean.Close()
	if _, err := leftovers.Remove(t.Context(), clean, leftovers.Cleanup); err != nil {
		t.Fatal(err)
	}
	expectTimeouts(t, kernelsOwn)
	if conntrack, err := os.ReadFile("/proc/sys/net/ipv4/vs/conntrack"); err != nil || strings.TrimSpace(string(conntrack)) != "1" {
		t.Errorf("a sysctl was put back unasked: %s, %v", conntrack, err)
	}
	if r, err := (host.Records{Path: cfg.Record}).Read(); err != nil || len(r) == 0 || r[host.Timeout+"tcpTimeout"].Was != "" {
		t.Errorf("recorded: %v, %v; want sysctls only", r, err)
	}
}

func setUpHost(t *testing.T, cfg Config) {
	t.Helper()
	if left, err := openHere(t, cfg).Host(t.Context()); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}

func library(t *testing.T) *moby.Handle {
	t.Helper()
	h, err := moby.New("")
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func expectTimeouts(t *testing.T, want moby.Config) {
	t.Helper()
	h := library(t)
	defer h.Close()
	if now, err := h.GetConfig(); err != nil || *now != want {
		t.Errorf("time-outs %+v, %v; want %+v", now, err, want)
	}
}
