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
	"ipset":                     {},
	"ipset/ipsettest":           {"ipset"},
	"proxier/reconcile":         {},
	"proxier/cluster":           {"proxier/state"},
	"proxier/watch":             {},
	"proxier/state":             {"ipset"},
	"proxier/drain":             {"proxier/state"},
	"proxier/plan":              {"ipset", "proxier/cluster", "proxier/state"},
	"proxier/rules":             {"ipset", "proxier/state"},
	"proxier/xtables":           {},
	"proxier/leftovers":         {"ipset", "proxier/state", "proxier/xtables"},
	"proxier/kernel":            {"ipset", "proxier/state", "proxier/reconcile", "proxier/leftovers", "proxier/rules", "proxier/snapshot", "proxier/xtables"},
	"proxier/kernel/kerneltest": {"ipset", "proxier/state", "proxier/reconcile", "proxier/leftovers", "proxier/snapshot"},
	"proxier/health":            {"proxier/state", "proxier/reconcile"},
	"proxier/snapshot":          {"proxier/rules", "proxier/state"},
	"proxier/peercred":          {},
	"proxier/nodelock":          {"proxier/peercred"},
	"proxier/adminsocket":       {"proxier/peercred", "proxier/snapshot"},
	"proxier/explain":           {"ipset", "proxier/rules", "proxier/snapshot", "proxier/state"},
	"proxier": {
		"ipset", "proxier/cluster", "proxier/drain", "proxier/health", "proxier/kernel", "proxier/plan",
		"proxier/reconcile", "proxier/leftovers", "proxier/snapshot", "proxier/state", "proxier/watch",
	},
	"cmd/kube-ipvs": {
		"proxier", "proxier/adminsocket", "proxier/explain", "proxier/health", "proxier/kernel",
		"proxier/leftovers", "proxier/rules", "proxier/snapshot", "proxier/nodelock", "proxier/watch",
	},
}

// thirdParties says who alone may import a library, directly.
var thirdParties = map[string][]string{
	"github.com/moby/ipvs":          {"proxier/kernel"},
	"github.com/vishvananda/":       {"proxier/kernel", "ipset"},
	"github.com/coreos/go-iptables": {"proxier/kernel"},
	"k8s.io/client-go":              {"proxier/watch", "cmd/kube-ipvs"},
	"k8s.io/api/":                   {"proxier", "proxier/cluster", "proxier/watch", "cmd/kube-ipvs"},
	"github.com/prometheus/":        {"proxier", "cmd/kube-ipvs"},
	"k8s.io/klog":                   {"proxier", "proxier/watch", "proxier/health", "cmd/kube-ipvs"},
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
