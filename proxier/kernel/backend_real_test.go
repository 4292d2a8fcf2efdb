//go:build e2e

package kernel

import (
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// Rules are not put beside those that another backend holds, which are named; after
// a cleanup they are.
func TestTheOtherBackendIsRefused(t *testing.T) {
	for _, c := range []struct {
		first, then rules.Backend
		want        string
	}{
		{rules.IPTables, rules.NFTables, "--rules=nftables: chain filter KIPVS-FILTER of iptables-nft IPv4 is there, which --rules=iptables has made"},
		{rules.NFTables, rules.IPTables, "--rules=iptables: table ip kube-ipvs of nftables is there, which --rules=nftables has made"},
	} {
		t.Run(string(c.first), func(t *testing.T) {
			kerneltest.FreshNamespace(t)
			first, then := config, config
			first.Backend, then.Backend = c.first, c.then
			if _, err := openHere(t, first).Prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			if k, err := Open(then); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %s", k, err, c.want)
			}
			if _, err := leftovers.Remove(t.Context(), openToClean(t), leftovers.Cleanup); err != nil {
				t.Fatal(err)
			}
			if _, err := openHere(t, then).Prepare(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A cleanup leaves a table of nftables that bears the name of ours and was made by
// another program.
func TestAForeignTableStays(t *testing.T) {
	kerneltest.FreshNamespace(t)
	kerneltest.Output(t, "nft", "add table ip kube-ipvs; add chain ip kube-ipvs mine; add table ip6 kube-ipvs; add chain ip6 kube-ipvs KIPVS6-MARK")
	if _, err := leftovers.Remove(t.Context(), openToClean(t), leftovers.Cleanup); err != nil {
		t.Fatal(err)
	}
	if left := strings.TrimSpace(kerneltest.Output(t, "nft", "list", "tables")); left != "table ip kube-ipvs" {
		t.Errorf("left:\n%s", left)
	}
}
