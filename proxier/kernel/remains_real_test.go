//go:build e2e

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/remains"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

var backends = []remains.Backend{remains.NFT, remains.Legacy}

// eachMachine puts every scenario of package remains into a fresh namespace, in
// each backend of iptables.
func eachMachine(t *testing.T, test func(*testing.T, *txtar.Archive, remains.Backend)) {
	paths, err := filepath.Glob("../remains/testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, backend := range backends {
			t.Run(fmt.Sprintf("%s in %s", strings.TrimSuffix(filepath.Base(path), ".txtar"), backend), func(t *testing.T) {
				freshNamespace(t)
				fill(t, archive, backend)
				test(t, archive, backend)
			})
		}
	}
}

// fill makes what the files of a scenario show.
func fill(t *testing.T, archive *txtar.Archive, backend remains.Backend) {
	t.Helper()
	output(t, "ip", "link", "add", "outside", "type", "dummy")
	for _, file := range inOrder(archive) {
		switch text := string(file.Data); file.Name {
		case "sets":
			input(t, text, "ipset", "restore")
		case "iptables", "ip6tables":
			input(t, text, fmt.Sprintf("%s-%s-restore", file.Name, backend))
		case "nftables":
			input(t, text, "nft", "-f", "-")
		case "bound":
			output(t, "ip", "link", "add", Device, "type", "dummy")
			bind(t, Device, text)
		case "local":
			bind(t, "outside", strings.ReplaceAll(text, "127.0.0.1\n", ""))
		case "servers":
			for line := range strings.Lines(text) {
				words := strings.Fields(line)
				at, protocol, _ := strings.Cut(words[0], "/")
				add := []string{"ipvsadm", "-A", map[string]string{"TCP": "-t", "UDP": "-u", "SCTP": "--sctp-service"}[protocol], at, "-s", words[1]}
				if len(words) > 2 {
					add = append(add, "-b", "flag-3")
				}
				output(t, add...)
			}
		}
	}
}

// inOrder has sets before the rules that look into them.
func inOrder(archive *txtar.Archive) []txtar.File {
	files := slices.Clone(archive.Files)
	slices.SortStableFunc(files, func(a, b txtar.File) int {
		first := func(f txtar.File) int {
			if f.Name == "sets" {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	return files
}

func bind(t *testing.T, link, addresses string) {
	t.Helper()
	for _, a := range strings.Fields(addresses) {
		output(t, "ip", "addr", "add", a, "dev", link)
	}
}

func input(t *testing.T, text string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
}

// rulesNow is what a person sees in both backends and families, without
// built-in chains that are empty.
func rulesNow(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, backend := range backends {
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			there := true
			if backend == remains.Legacy {
				there, _ = legacyTables(f) // asking the program would make them
			}
			if !there {
				continue
			}
			d, err := xtables.Parse(output(t, programName(f, backend, "save")))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&b, shown(remains.Where{Backend: backend, Family: f}, d))
		}
	}
	return b.String()
}

func shown(where remains.Where, d xtables.Dump) (text string) {
	for _, p := range d.Places() {
		if !p.BuiltIn() {
			text += fmt.Sprintf("%s: %s\n", where, p)
		}
		for _, r := range d[p] {
			text += fmt.Sprintf("%s: %s %s\n", where, p, r)
		}
	}
	return text
}

// foreignPart is what the scenario has beside kube-proxy and us.
func foreignPart(t *testing.T, archive *txtar.Archive, backend remains.Backend, stays []remains.Stay) (text string) {
	t.Helper()
	held := fmt.Sprint(stays)
	for _, file := range archive.Files {
		f, known := map[string]ipset.Family{"iptables": ipset.IPv4, "ip6tables": ipset.IPv6}[file.Name]
		if !known {
			continue
		}
		d, err := xtables.Parse(string(file.Data))
		if err != nil {
			t.Fatal(err)
		}
		where := remains.Where{Backend: backend, Family: f}
		for p, rules := range d {
			switch {
			case remains.Cleanup.Chain(p) && !strings.Contains(held, "chain "+p.String()+": "):
				delete(d, p)
			case remains.Cleanup.Chain(p) && p.Chain != "KUBE-MARK-MASQ":
				d[p] = nil
			case p.BuiltIn():
				d[p] = slices.DeleteFunc(rules, func(r string) bool {
					return remains.Cleanup.Chain(xtables.Place{Table: p.Table, Chain: xtables.Target(r)})
				})
			}
		}
		text += shown(where, d)
	}
	return text
}

func TestCleanupLeavesTheForeignPartAlone(t *testing.T) {
	eachMachine(t, func(t *testing.T, archive *txtar.Archive, backend remains.Backend) {
		k := openToClean(t)
		o, err := remains.CarryOut(t.Context(), k, remains.Cleanup)
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
func onlyForeignThings(t *testing.T, o remains.Outcome) {
	t.Helper()
	held := fmt.Sprint(o.Found.Plan().Stays)
	for set := range strings.Lines(output(t, "ipset", "list", "-n")) {
		if set = strings.TrimSpace(set); remains.Cleanup.Set(set) && !strings.Contains(held, "set "+set+":") {
			t.Errorf("set %s is left", set)
		}
	}
	servers := output(t, "ipvsadm", "-Sn")
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
	if links := output(t, "ip", "-br", "link"); strings.Contains(links, Device) {
		t.Errorf("the device is left:\n%s", links)
	}
	tables := output(t, "nft", "list", "tables")
	if strings.Contains(tables, "table ip kube-proxy") || strings.Contains(tables, "table ip6 kube-proxy") {
		t.Errorf("left:\n%s", tables)
	}
}

func openToClean(t *testing.T) *Kernel {
	t.Helper()
	k, err := OpenToClean(Config{})
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

func (m *stopping) Carry(ctx context.Context, s remains.Step) error {
	if m.left--; m.left < 0 {
		return errStopped
	}
	return m.Kernel.Carry(ctx, s)
}

// Whatever the step after which it is killed, the next run ends the same (F5).
func TestCleanupStoppedAnywhere(t *testing.T) {
	for _, name := range []string{"story", "ipvs"} {
		archive, err := txtar.ParseFile("../remains/testdata/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for n := range 7 {
			t.Run(fmt.Sprintf("%s after %d steps", name, n), func(t *testing.T) {
				freshNamespace(t)
				fill(t, archive, remains.NFT)
				k := openToClean(t)
				if _, err := remains.CarryOut(t.Context(), &stopping{k, n}, remains.Cleanup); err != nil && !errors.Is(err, errStopped) {
					t.Fatal(err)
				}
				o, err := remains.CarryOut(t.Context(), k, remains.Cleanup)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(foreignPart(t, archive, remains.NFT, nil), rulesNow(t)); diff != "" {
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
	freshNamespace(t)
	k := openToClean(t)
	for range 2 {
		if p := k.Look(t.Context(), remains.Cleanup).Plan(); len(p.Steps)+len(p.Stays) > 0 {
			t.Errorf("found something:\n%s", p)
		}
	}
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		if there, err := legacyTables(f); there || err != nil {
			t.Errorf("IPv%d has legacy tables: %t, %v", f, there, err)
		}
	}
}

// No ipset, no nft and no modprobe on the PATH, and no modules to be seen (K05,
// K06).
func TestCleanupWithNearlyNothing(t *testing.T) {
	freshNamespace(t)
	archive, err := txtar.ParseFile("../remains/testdata/ipvs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, archive, remains.NFT)
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
	o, err := remains.CarryOut(t.Context(), openToClean(t), remains.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", usual)
	if diff := cmp.Diff(foreignPart(t, archive, remains.NFT, nil), rulesNow(t)); diff != "" {
		t.Errorf("rules (-foreign +left):\n%s", diff)
	}
	onlyForeignThings(t, o)
}

// Chains that no program on the PATH can remove are named, not passed over.
func TestWhatCannotBeReadIsSaid(t *testing.T) {
	freshNamespace(t)
	archive, err := txtar.ParseFile("../remains/testdata/userspace.txtar")
	if err != nil {
		t.Fatal(err)
	}
	fill(t, archive, remains.NFT)
	t.Setenv("PATH", t.TempDir())
	stays := openToClean(t).Look(t.Context(), remains.Cleanup).Plan().Stays
	if len(stays) != 1 || !strings.Contains(stays[0].String(), "iptables-nft IPv4: not looked at: neither iptables-nft-save nor iptables-save is on the PATH") {
		t.Errorf("got %v", stays)
	}
}
