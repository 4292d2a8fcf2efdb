//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// migrations are the ways to kube-ipvs: what kube-proxy was on the node, one
// after the other, and which iptables kube-ipvs finds there.
var migrations = []struct {
	name string
	was  []mode
	ours backend
	lent bool // the port mapping of CNI uses a chain of kube-proxy's
}{
	{"from iptables, legacy", []mode{{"iptables", legacy}}, nft, false},
	{"from iptables, nft", []mode{{"iptables", nft}}, nft, true},
	{"from ipvs", []mode{{"ipvs", legacy}}, legacy, false},
	{"from nftables", []mode{{"nftables", nft}}, nft, false},
	{"from iptables followed by ipvs", []mode{{"iptables", nft}, {"ipvs", nft}}, nft, false},
}

// From every mode of the real kube-proxy to kube-ipvs under traffic, away with
// kube-ipvs, and back (K01 to K10, K19).
func TestMigration(t *testing.T) {
	w := newWorld(t, migrating(t))
	for _, m := range migrations {
		t.Run(m.name, func(t *testing.T) {
			c := ownCluster(t)
			c.env = pathWith(iptablesOf(t, m.ours))
			back := m.was[len(m.was)-1]
			addForeign(t, c.Host, back.backend)
			if m.lent {
				feed(t, c.Host, lentChain, fmt.Sprintf("iptables-%s-restore", back.backend), "--noflush")
			}
			g := migration{world: w.at(t, c), kubeProxy: newKubeProxy(t, c.Host), before: witnessOf(t, c.Host)}
			g.empty.setEndpoints(nil)
			for _, old := range m.was {
				g.run(t, old)
			}
			g.switchOver(t)
			g.cleanUp(t, m.lent)
			t.Run("the way back", func(t *testing.T) {
				g.run(t, back)
				served(t, g.served())
			})
			t.Run("and away with kube-proxy, in its own place", func(t *testing.T) {
				g.kubeProxy.stop(t)
				g.cleanedUp(t, m.lent)
			})
		})
	}
}

// migrating is how many Services there are: few, unless E2E_MIGRATION_SERVICES
// says otherwise, because kube-proxy needs minutes here for its first sync of
// 200 in ipvs mode.
func migrating(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("E2E_MIGRATION_SERVICES"), "21"))
	if err != nil || n < 5 {
		t.Fatalf("E2E_MIGRATION_SERVICES: %q, want a number of at least 5", os.Getenv("E2E_MIGRATION_SERVICES"))
	}
	return n
}
