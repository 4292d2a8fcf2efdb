//go:build e2e

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"

	"github.com/moby/ipvs"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// kernelsOwn are the time-outs of a namespace in which nobody has set any.
var kernelsOwn = ipvs.Config{TimeoutTCP: 15 * time.Minute, TimeoutTCPFin: 2 * time.Minute, TimeoutUDP: 5 * time.Minute}

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
		ask  Timeouts
		want ipvs.Config
	}{
		{"nobody asks for anything", Timeouts{}, aDay},
		{"a restart", Timeouts{}, aDay},
		{"others are asked for", Timeouts{TCP: 20 * time.Minute, UDP: time.Minute}, ipvs.Config{
			TimeoutTCP: 20 * time.Minute, TimeoutTCPFin: 2 * time.Minute, TimeoutUDP: time.Minute,
		}},
		{"no longer", Timeouts{}, aDay},
		{"the kernel's own is asked for", Timeouts{TCP: 15 * time.Minute}, kernelsOwn},
		{"no longer either", Timeouts{}, aDay},
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
		k := openHere(t, config)
		if err := k.configure(theirs); err != nil {
			t.Fatal(err)
		}
		setUpHost(t, config)
		expectTimeouts(t, theirs) // somebody has chosen it
	})

	expectTimeouts(t, aDay)
	clean, err := OpenToClean(Config{Record: cfg.Record})
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
	if r, err := (host.Records{Path: cfg.Record}).Read(); err != nil || len(r) == 0 || r[tcpTimeout].Was != "" {
		t.Errorf("recorded: %v, %v; want sysctls only", r, err)
	}
}

func setUpHost(t *testing.T, cfg Config) {
	t.Helper()
	if left, err := openHere(t, cfg).Host(t.Context()); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
}

func expectTimeouts(t *testing.T, want ipvs.Config) {
	t.Helper()
	h, err := ipvs.New("")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if now, err := h.GetConfig(); err != nil || *now != want {
		t.Errorf("time-outs %+v, %v; want %+v", now, err, want)
	}
}
