//go:build e2e && migration

package e2e

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
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
			addForeign(t, c.host, back.backend)
			if m.lent {
				feed(t, c.host, lentChain, fmt.Sprintf("iptables-%s-restore", back.backend), "--noflush")
			}
			g := migration{world: w.at(t, c), kubeProxy: newKubeProxy(t, c.host), before: witnessOf(t, c.host)}
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

// What the real `kube-proxy --cleanup` leaves on a node where kube-proxy was
// stopped. The rows make the table in docs/migration.md (`make migration`).
func TestWhatKubeProxyLeaves(t *testing.T) {
	w := newWorld(t, 13)
	for _, c := range []struct {
		name string
		was  []mode
	}{
		{"iptables mode, nft", []mode{{"iptables", nft}}},
		{"iptables mode, legacy", []mode{{"iptables", legacy}}},
		{"ipvs mode", []mode{{"ipvs", nft}}},
		{"nftables mode", []mode{{"nftables", nft}}},
		{"iptables mode, then ipvs mode, nft", []mode{{"iptables", nft}, {"ipvs", nft}}},
		{"iptables mode, then ipvs mode, legacy", []mode{{"iptables", legacy}, {"ipvs", legacy}}},
		{"iptables mode, legacy, then ipvs mode with an image for nft", []mode{{"iptables", legacy}, {"ipvs", nft}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := ownCluster(t)
			last := c.was[len(c.was)-1]
			addForeign(t, own.host, last.backend)
			k := newKubeProxy(t, own.host)
			before := witnessOf(t, own.host)
			for _, m := range c.was {
				k.start(t, m)
				k.stop(t)
			}
			served(t, w.at(t, own).served())
			row := []string{c.name}
			for range 2 {
				code, _ := k.cleanup(t, last.backend)
				now := witnessOf(t, own.host)
				row = append(row, fmt.Sprintf("%s (exit code %d)", leftovers(before, now), code))
				if n := lost(before, now); n > 0 {
					row[len(row)-1] += fmt.Sprintf("; %d of 3 virtual servers of others are deleted", n)
				}
			}
			t.Logf("migration: | %s |", strings.Join(row, " | "))
			if code, said := own.runOnce(t, lab.Command{Args: []string{"--cleanup"}}); code != 0 {
				t.Errorf("kube-ipvs --cleanup: exit code %d:\n%s", code, said)
			}
			if left := leftovers(before, witnessOf(t, own.host)); left != "nothing" {
				t.Errorf("kube-ipvs --cleanup leaves %s", left)
			}
		})
	}
}
