//go:build e2e

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

func TestCleanupLeavesTheForeignPartAlone(t *testing.T) {
	eachMachine(t, func(t *testing.T, archive *txtar.Archive, backend leftovers.Backend) {
		k := openToClean(t)
		o, err := leftovers.Remove(t.Context(), k, leftovers.Cleanup)
		if err != nil {
			t.Fatal(err)
		}
		stays := o.Found.Plan().Stays
		if diff := cmp.Diff(foreignPart(t, archive, backend, stays), rulesNow(t)); diff != "" {
			t.Errorf("rules (-foreign +left):\n%s", diff)
		}
		onlyForeignThings(t, o)
	})
}

// onlyForeignThings looks at everything but rules.
func onlyForeignThings(t *testing.T, o leftovers.Outcome) {
	t.Helper()
	held := fmt.Sprint(o.Found.Plan().Stays)
	for set := range strings.Lines(kerneltest.Output(t, "ipset", "list", "-n")) {
		if set = strings.TrimSpace(set); leftovers.Cleanup.Set(set) && !strings.Contains(held, "set "+set+":") {
			t.Errorf("set %s is left", set)
		}
	}
	servers := kerneltest.Output(t, "ipvsadm", "-Sn")
	for _, gone := range []string{"10.96.0.", "fd00:10:96", ":30080 -s rr", ":30090"} {
		if strings.Contains(servers, gone) {
			t.Errorf("%s is left in\n%s", gone, servers)
		}
	}
	for _, s := range o.Found.Servers {
		if s.Ours || !strings.Contains(servers, s.Addr.String()) {
			t.Errorf("server %s, ours %t, is not in\n%s", s.VirtualServer, s.Ours, servers)
		}
	}
	if links := kerneltest.Output(t, "ip", "-br", "link"); strings.Contains(links, device.Name) {
		t.Errorf("the device is left:\n%s", links)
	}
	tables := kerneltest.Output(t, "nft", "list", "tables")
	if strings.Contains(tables, "table ip kube-proxy") || strings.Contains(tables, "table ip6 kube-proxy") {
		t.Errorf("left:\n%s", tables)
	}
}

func openToClean(t *testing.T) *Kernel {
	t.Helper()
	k, err := OpenAsIs(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// stopping is a machine that dies after some steps.
type stopping struct {
	*Kernel
	left int
}

var errStopped = errors.New("stopped")

func (m *stopping) Do(ctx context.Context, s leftovers.Step) error {
	if m.left--; m.left < 0 {
		return errStopped
	}
	return m.Kernel.Do(ctx, s)
}

// Whatever the step after which it is killed, the next run ends the same (F5).
func TestCleanupStoppedAnywhere(t *testing.T) {
	for _, name := range []string{"story", "ipvs"} {
		archive, err := txtar.ParseFile("../leftovers/testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for n := range 7 {
			t.Run(fmt.Sprintf("%s after %d steps", name, n), func(t *testing.T) {
				kerneltest.FreshNamespace(t)
				fill(t, archive, leftovers.NFT)
				k := openToClean(t)
				if _, err := leftovers.Remove(t.Context(), &stopping{k, n}, leftovers.Cleanup); err != nil && !errors.Is(err, errStopped) {
					t.Fatal(err)
				}
				o, err := leftovers.Remove(t.Context(), k, leftovers.Cleanup)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(foreignPart(t, archive, leftovers.NFT, nil), rulesNow(t)); diff != "" {
					t.Errorf("rules (-foreign +left):\n%s", diff)
				}
				onlyForeignThings(t, o)
			})
		}
	}
}

// The legacy backend of a machine that has no tables there is not woken up, and
// neither is IPVS; a second look finds nothing (K06).
func TestALookLeavesNoTrace(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openToClean(t)
	for range 2 {
		if p := k.Scan(t.Context(), leftovers.Cleanup).Plan(); len(p.Steps)+len(p.Stays) > 0 {
			t.Errorf("found something:\n%s", p)
		}
	}
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		if there, err := xt.LegacyTables(f); there || err != nil {
			t.Errorf("IPv%d has legacy tables: %t, %v", f, there, err)
		}
	}
}

// No ipset, no nft and no modprobe on the PATH, and no modules to be seen (K05,
// K06).
func TestCleanupWithNearlyNothing(t *testing.T) {
	kerneltest.FreshNamespace(t)
	archive, err := txtar.ParseFile("../leftovers/testdata/ipvs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, archive, leftovers.NFT)
	input(t, "table ip kube-proxy {\n}\n", "nft", "-f", "-")
	bin := t.TempDir()
	for _, name := range []string{"iptables-nft-save", "iptables-nft-restore", "ip6tables-nft-save", "ip6tables-nft-restore"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	usual := os.Getenv("PATH")
	t.Setenv("PATH", bin)
	o, err := leftovers.Remove(t.Context(), openToClean(t), leftovers.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", usual)
	if diff := cmp.Diff(foreignPart(t, archive, leftovers.NFT, nil), rulesNow(t)); diff != "" {
		t.Errorf("rules (-foreign +left):\n%s", diff)
	}
	onlyForeignThings(t, o)
}

// Chains that no program on the PATH can remove are named, not passed over.
func TestWhatCannotBeReadIsSaid(t *testing.T) {
	kerneltest.FreshNamespace(t)
	archive, err := txtar.ParseFile("../leftovers/testdata/userspace.txtar")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, archive, leftovers.NFT)
	t.Setenv("PATH", t.TempDir())
	stays := openToClean(t).Scan(t.Context(), leftovers.Cleanup).Plan().Stays
	if len(stays) != 1 || !strings.Contains(stays[0].String(), "iptables-nft IPv4: not looked at: neither iptables-nft-save nor iptables-save is on the PATH") {
		t.Errorf("got %v", stays)
	}
}

// Virtual servers of kube-proxy get our flag and keep all else, connections
// among it; the takeover leaves them and the device, and our own rules.
func TestAdoptionAndTakeover(t *testing.T) {
	kerneltest.FreshNamespace(t)
	archive, err := txtar.ParseFile("../leftovers/testdata/ipvs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, archive, leftovers.Legacy)
	kerneltest.Output(t, "ipvsadm", "-a", "-t", "10.96.0.10:80", "-r", "10.244.1.5:8080", "-m", "-w", "7")
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, scope := range []leftovers.Scope{leftovers.Adoption, leftovers.Takeover} {
		o, err := leftovers.Remove(t.Context(), k, scope)
		if err != nil || len(o.Found.Plan().Stays) > 0 {
			t.Fatalf("%v; stays %v", err, o.Found.Plan().Stays)
		}
	}
	servers := kerneltest.Output(t, "ipvsadm", "-Sn")
	for _, want := range []string{
		"-A -t 10.96.0.10:80 -s rr -b flag-3", "-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 7",
		"-A -t 192.0.2.1:30080 -s rr -b flag-3", "-A --sctp-service 192.0.2.1:30090 -s rr -b flag-3",
		"-A -t [fd00:10:96::a]:80 -s rr -b flag-3",
		"-A -u 192.0.2.1:30080 -s wrr\n", "-A -t 192.0.2.1:6443 -s wrr\n", "-A -t 203.0.113.1:80 -s wrr\n",
	} {
		if !strings.Contains(servers, want) {
			t.Errorf("no %q in\n%s", want, servers)
		}
	}
	if bound := kerneltest.Output(t, "ip", "-br", "addr", "show", device.Name); !strings.Contains(bound, "10.96.0.10") || !strings.Contains(bound, "fd00:10:96::a") {
		t.Errorf("addresses are gone: %s", bound)
	}
	var foreign []string
	for line := range strings.Lines(rulesNow(t)) {
		if !strings.Contains(line, "KIPVS") {
			foreign = append(foreign, line)
		}
	}
	if diff := cmp.Diff(foreignPart(t, archive, leftovers.Legacy, nil), strings.Join(foreign, "")); diff != "" {
		t.Errorf("rules (-foreign +left):\n%s", diff)
	}
	for set := range strings.Lines(kerneltest.Output(t, "ipset", "list", "-n")) {
		if leftovers.Takeover.Set(strings.TrimSpace(set)) {
			t.Errorf("set %s is left", set)
		}
	}
}

// What Host changes is recorded, and put back by a cleanup that is asked to.
func TestSysctlsArePutBack(t *testing.T) {
	kerneltest.FreshNamespace(t)
	cfg := config
	cfg.Record = filepath.Join(t.TempDir(), "run", "sysctls.json")
	cfg.Unrecorded = func(err error) { t.Error(err) }
	const forward = "/proc/sys/net/ipv4/ip_forward"
	if err := os.WriteFile(forward, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	k := openHere(t, cfg)
	for range 2 { // a restart must not take our value for the former one
		if left, err := k.Host(t.Context()); err != nil || len(left) > 0 {
			t.Fatal(left, err)
		}
	}
	clean, err := OpenAsIs(Config{Record: cfg.Record, RestoreSysctls: true})
	if err != nil {
		t.Fatal(err)
	}
	defer clean.Close()
	for _, want := range []string{"0", "1"} { // the second time there is nothing to restore
		if _, err := leftovers.Remove(t.Context(), clean, leftovers.Cleanup); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(kerneltest.Output(t, "cat", forward)); got != want {
			t.Errorf("%s is %s, want %s", forward, got, want)
		}
		if err := os.WriteFile(forward, []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(cfg.Record); !os.IsNotExist(err) {
		t.Errorf("the record is still there: %v", err)
	}
}
