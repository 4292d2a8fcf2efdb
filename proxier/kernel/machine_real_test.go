//go:build e2e

package kernel

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

var backends = []leftovers.Backend{leftovers.NFT, leftovers.Legacy}

// eachMachine puts every scenario of package remains into a fresh namespace, in
// each backend of iptables.
func eachMachine(t *testing.T, test func(*testing.T, *txtar.Archive, leftovers.Backend)) {
	paths, err := filepath.Glob("../leftovers/testdata/*.txtar")
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
				kerneltest.FreshNamespace(t)
				fill(t, archive, backend)
				test(t, archive, backend)
			})
		}
	}
}

// fill makes what the files of a scenario show.
func fill(t *testing.T, archive *txtar.Archive, backend leftovers.Backend) {
	t.Helper()
	kerneltest.Output(t, "ip", "link", "add", "outside", "type", "dummy")
	for _, file := range inOrder(archive) {
		switch text := string(file.Data); file.Name {
		case "sets":
			input(t, text, "ipset", "restore")
		case "iptables", "ip6tables":
			input(t, text, fmt.Sprintf("%s-%s-restore", file.Name, backend))
		case "nftables":
			input(t, text, "nft", "-f", "-")
		case "bound":
			kerneltest.Output(t, "ip", "link", "add", device.Name, "type", "dummy")
			bind(t, device.Name, text)
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
				kerneltest.Output(t, add...)
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
		kerneltest.Output(t, "ip", "addr", "add", a, "dev", link)
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
			if backend == leftovers.Legacy {
				there, _ = xt.LegacyTables(f) // asking the program would make them
			}
			if !there {
				continue
			}
			d, err := xtables.Parse(kerneltest.Output(t, xt.ProgramName(f, backend, "save")))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&b, shown(leftovers.Where{Backend: backend, Family: f}, d))
		}
	}
	return b.String()
}

func shown(where leftovers.Where, d xtables.Dump) (text string) {
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
func foreignPart(t *testing.T, archive *txtar.Archive, backend leftovers.Backend, stays []leftovers.Blocked) (text string) {
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
		where := leftovers.Where{Backend: backend, Family: f}
		for p, rules := range d {
			switch {
			case leftovers.Cleanup.Chain(p) && !strings.Contains(held, "chain "+p.String()+": "):
				delete(d, p)
			case leftovers.Cleanup.Chain(p) && p.Chain != "KUBE-MARK-MASQ":
				d[p] = nil
			case p.BuiltIn():
				d[p] = slices.DeleteFunc(rules, func(r string) bool {
					return leftovers.Cleanup.Chain(xtables.Place{Table: p.Table, Chain: xtables.Target(r)})
				})
			}
		}
		text += shown(where, d)
	}
	return text
}
