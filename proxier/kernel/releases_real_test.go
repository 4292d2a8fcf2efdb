//go:build e2e && releases

package kernel_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// Rules that one release of iptables has written are right to every other: a
// node whose iptables changes between two starts, or whose image brings another
// one than the last did, is written to no more than any. Only 1.8.7 cannot read
// everything that later ones write; it writes that its own way, which all can
// read, and then it is quiet.
func TestRulesOfAnotherRelease(t *testing.T) {
	folders := filepath.SplitList(os.Getenv("E2E_IPTABLES"))
	if len(folders) < 2 {
		t.Fatalf("E2E_IPTABLES = %q, want the folders of two releases of iptables at least", folders)
	}
	for name, cfg := range map[string]kernel.Config{
		"Pods by address": {Rules: rules.Config{Mark: 0x4000, Pods: rules.Pods{CIDRs: []netip.Prefix{
			netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56"),
		}}}},
		"Pods by interface": {Rules: rules.Config{Mark: 0x8000, MasqueradeAll: true, Pods: rules.Pods{Interface: "cni+"}}, Accept: rules.AcceptAlways},
	} {
		cfg.Scheduler = "rr"
		for _, writer := range folders {
			t.Run(name+", written by "+release(t, writer), func(t *testing.T) { readByOthers(t, writer, folders, cfg) })
		}
	}
}

func readByOthers(t *testing.T, writer string, folders []string, cfg kernel.Config) {
	kerneltest.FreshNamespace(t)
	prepareWith(t, writer, cfg)
	for _, reader := range slices.Backward(folders) { // the oldest, which may write, comes last
		if got, want := prepareWith(t, reader, cfg)["rule"], unreadable(release(t, writer), release(t, reader)); got != want {
			t.Errorf("%s mends %d rules, want %d", release(t, reader), got, want)
		}
	}
	for _, again := range []string{folders[0], writer} {
		if got := prepareWith(t, again, cfg)["rule"]; got != 0 {
			t.Errorf("%s mends %d rules after the oldest", release(t, again), got)
		}
	}
}

// unreadable is how many rules of the writer's the reader cannot read: those
// that match a mark, in nftables, are more than 1.8.7 knows.
func unreadable(writer, reader string) int {
	const old, perFamily = "v1.8.7 (nf_tables)", 2
	if strings.HasSuffix(reader, old) && !strings.HasSuffix(writer, old) {
		return 2 * perFamily
	}
	return 0
}

// release is what a folder's iptables calls itself.
func release(t *testing.T, folder string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(folder, "iptables"), "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("run iptables of %s: %v: %s", folder, err, out)
	}
	return strings.TrimSpace(string(out))
}

// prepareWith is a start of the daemon with the programs of a folder.
func prepareWith(t *testing.T, folder string, cfg kernel.Config) (mended map[string]int) {
	t.Helper()
	t.Setenv("PATH", fmt.Sprintf("%s%c%s", folder, filepath.ListSeparator, os.Getenv("PATH")))
	k, err := kernel.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	if mended, err = k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return mended
}
