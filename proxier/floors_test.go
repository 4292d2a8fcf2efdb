package proxier_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kube-ipvs/kube-ipvs/"

// floors says which of our packages each may import. A package that is not
// here, or an import that is not, breaks the build of the house: what should
// be (plan) and what is (kernel) must not see each other.
var floors = map[string][]string{
	"ipset":                     {"proxier/kernel/wire"},
	"ipset/ipsettest":           {"ipset"},
	"proxier/reconcile":         {},
	"proxier/cluster":           {"proxier/state"},
	"proxier/watch":             {},
	"proxier/state":             {"ipset"},
	"proxier/drain":             {"proxier/state"},
	"proxier/plan":              {"ipset", "proxier/cluster", "proxier/drain", "proxier/state"},
	"proxier/rules":             {"ipset", "proxier/state"},
	"proxier/xtables":           {},
	"proxier/leftovers":         {"ipset", "proxier/state", "proxier/xtables"},
	"proxier/kernel/wire":       {"proxier/reconcile"},
	"proxier/kernel/host":       {"ipset", "proxier/kernel/wire", "proxier/leftovers", "proxier/state"},
	"proxier/kernel/ipvs":       {"ipset", "proxier/kernel/host", "proxier/kernel/wire", "proxier/leftovers", "proxier/reconcile", "proxier/rules", "proxier/snapshot", "proxier/state"},
	"proxier/kernel/device":     {"proxier/kernel/host", "proxier/kernel/wire", "proxier/reconcile", "proxier/state"},
	"proxier/kernel/netfilter":  {"ipset", "proxier/kernel/wire", "proxier/state", "proxier/xtables"},
	"proxier/kernel/xt":         {"ipset", "proxier/kernel/host", "proxier/kernel/netfilter", "proxier/kernel/wire", "proxier/leftovers", "proxier/reconcile", "proxier/rules", "proxier/state", "proxier/xtables"},
	"proxier/kernel/found":      {"ipset", "proxier/kernel/device", "proxier/kernel/host", "proxier/kernel/ipvs", "proxier/kernel/netfilter", "proxier/kernel/nft", "proxier/kernel/xt", "proxier/leftovers", "proxier/rules", "proxier/snapshot", "proxier/state", "proxier/xtables"},
	"proxier/kernel/nft":        {"ipset", "proxier/kernel/host", "proxier/kernel/netfilter", "proxier/kernel/wire", "proxier/reconcile", "proxier/rules", "proxier/state"},
	"proxier/kernel":            {"ipset", "proxier/kernel/device", "proxier/kernel/found", "proxier/kernel/host", "proxier/kernel/ipvs", "proxier/kernel/nft", "proxier/kernel/xt", "proxier/reconcile", "proxier/rules", "proxier/state"},
	"proxier/kernel/kerneltest": {"ipset", "proxier/state", "proxier/reconcile", "proxier/leftovers", "proxier/snapshot", "proxier/xtables"},
	"proxier/health":            {"proxier/state", "proxier/reconcile"},
	"proxier/snapshot":          {"proxier/rules", "proxier/state", "proxier/xtables"},
	"proxier/peercred":          {},
	"proxier/nodelock":          {"proxier/peercred"},
	"proxier/adminsocket":       {"proxier/peercred", "proxier/snapshot"},
	"proxier/explain":           {"ipset", "proxier/rules", "proxier/snapshot", "proxier/state", "proxier/xtables"},
	"proxier/node":              {"ipset", "proxier/cluster", "proxier/plan", "proxier/state"},
	"proxier/schedulers":        {"proxier/state"},
	"proxier/flows":             {"proxier/state"},
	"proxier/background":        {},
	"proxier/driftscan":         {"proxier/state"},
	"proxier/takeover":          {"proxier/background", "proxier/leftovers", "proxier/snapshot"},
	"proxier/telemetry":         {"ipset", "proxier/cluster", "proxier/drain", "proxier/plan", "proxier/reconcile", "proxier/snapshot", "proxier/state", "proxier/watch"},
	"proxier": {
		"ipset", "proxier/background", "proxier/cluster", "proxier/drain", "proxier/driftscan", "proxier/flows", "proxier/health",
		"proxier/leftovers", "proxier/node", "proxier/plan", "proxier/reconcile", "proxier/schedulers", "proxier/snapshot",
		"proxier/state", "proxier/takeover", "proxier/telemetry", "proxier/watch",
	},
	"cmd/kube-ipvs/apiserver": {"proxier", "proxier/watch"},
	"cmd/kube-ipvs/options":   {"cmd/kube-ipvs/apiserver", "proxier", "proxier/kernel", "proxier/kernel/host", "proxier/rules"},
	"cmd/kube-ipvs/inspect": {
		"cmd/kube-ipvs/options", "proxier/adminsocket", "proxier/explain", "proxier/kernel/device", "proxier/kernel/found", "proxier/rules", "proxier/snapshot",
	},
	"cmd/kube-ipvs/goldentest": {},
	"cmd/kube-ipvs": {
		"cmd/kube-ipvs/apiserver", "cmd/kube-ipvs/inspect", "cmd/kube-ipvs/options",
		"proxier", "proxier/adminsocket", "proxier/health", "proxier/kernel",
		"proxier/leftovers", "proxier/nodelock", "proxier/snapshot", "proxier/watch",
	},
}

// thirdParties says who alone may import a library, directly.
var thirdParties = map[string][]string{
	"github.com/moby/ipvs":          {"proxier/kernel/ipvs"},
	"github.com/sirupsen/logrus":    {"proxier/kernel/ipvs"},
	"github.com/vishvananda/":       {"proxier/kernel/device", "proxier/kernel/host", "proxier/kernel/netfilter", "proxier/kernel/wire", "ipset"},
	"github.com/coreos/go-iptables": {"proxier/kernel/xt"},
	"k8s.io/client-go":              {"proxier/watch", "cmd/kube-ipvs/apiserver"},
	"k8s.io/api/":                   {"proxier", "proxier/cluster", "proxier/node", "proxier/telemetry", "proxier/watch", "cmd/kube-ipvs/apiserver"},
	"github.com/prometheus/":        {"proxier", "proxier/telemetry", "cmd/kube-ipvs", "cmd/kube-ipvs/apiserver"},
	"k8s.io/klog":                   {"proxier", "proxier/takeover", "proxier/telemetry", "proxier/watch", "proxier/health", "cmd/kube-ipvs", "cmd/kube-ipvs/apiserver", "cmd/kube-ipvs/options"},
}

func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`,
		module+"cmd/...", module+"proxier/...", module+"ipset/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		name := strings.TrimPrefix(words[0], module)
		allowed, known := floors[name]
		if !known {
			t.Errorf("package %s has no floor: add it to the table", name)
		}
		for _, imported := range words[1:] {
			if ours, ok := strings.CutPrefix(imported, module); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s", name, ours)
			}
			for library, users := range thirdParties {
				if strings.HasPrefix(imported, library) && !slices.Contains(users, name) {
					t.Errorf("%s must not import %s: only %v may", name, imported, users)
				}
			}
		}
	}
}

// TestLibrariesOfTools keeps what only the programs around the end-to-end tests
// would need out of the daemon's go.mod: such a program is a module of its own.
func TestLibrariesOfTools(t *testing.T) {
	house := librariesOf(t, "cmd/...", "proxier/...", "ipset/...")
	for _, library := range librariesOf(t, "e2e/...") {
		if !slices.Contains(house, library) {
			t.Errorf("only e2e needs %s: give the program that imports it a go.mod", library)
		}
	}
}

// librariesOf lists the modules of which packages and their tests are made.
func librariesOf(t *testing.T, packages ...string) []string {
	t.Helper()
	args := []string{"list", "-tags", "e2e,migration,faults,sample", "-deps", "-test", "-f", `{{with .Module}}{{.Path}}{{end}}`}
	for _, p := range packages {
		args = append(args, module+p)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := strings.Fields(string(out))
	slices.Sort(all)
	return slices.Compact(all)
}
