//go:build e2e && migration

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

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
			addForeign(t, own.Host, last.backend)
			k := newKubeProxy(t, own.Host)
			before := witnessOf(t, own.Host)
			for _, m := range c.was {
				k.start(t, m)
				k.stop(t)
			}
			served(t, w.at(t, own).served())
			row := []string{c.name}
			for range 2 {
				code, _ := k.cleanup(t, last.backend)
				now := witnessOf(t, own.Host)
				row = append(row, fmt.Sprintf("%s (exit code %d)", leftovers(before, now), code))
				if n := lost(before, now); n > 0 {
					row[len(row)-1] += fmt.Sprintf("; %d of 3 virtual servers of others are deleted", n)
				}
			}
			t.Logf("migration: | %s |", strings.Join(row, " | "))
			if code, said := own.runOnce(t, lab.Command{Args: []string{"--cleanup"}}); code != 0 {
				t.Errorf("kube-ipvs --cleanup: exit code %d:\n%s", code, said)
			}
			if left := leftovers(before, witnessOf(t, own.Host)); left != "nothing" {
				t.Errorf("kube-ipvs --cleanup leaves %s", left)
			}
		})
	}
}
