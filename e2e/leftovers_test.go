//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// hashed is the end of the names that kube-proxy makes up for one Service.
var hashed = regexp.MustCompile(`-[A-Z2-7]{16}$`)

// leftovers says in a few words what is on a node that was not there before.
func leftovers(before, now witness) string {
	var all []string
	for i, f := range now.fields() {
		all = append(all, describe(f.name, minus(lines(f.text), lines(before.fields()[i].text)))...)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}

// lost are the virtual servers of others that are there no more.
func lost(before, now witness) (n int) {
	for _, line := range minus(lines(before.IPVS), lines(now.IPVS)) {
		if strings.HasPrefix(line, "-A") {
			n++
		}
	}
	return n
}

// describe counts the lines of one witness by what they are.
func describe(where string, added []string) (all []string) {
	names := map[string]int{}
	jumps := 0
	for _, line := range added {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(where, "iptables-"):
			if strings.HasPrefix(words[2], ":") {
				names[words[1]+" "+hashed.ReplaceAllString(words[2][1:], "-*")]++
			} else if builtIn(words[3]) {
				jumps++
			}
		case where == "nftables" && words[0] == "table":
			if words[2] == "kube-proxy" {
				names["table kube-proxy"]++
			}
		case where == "ipset" && words[0] == "create":
			name := "KUBE-*"
			if strings.HasPrefix(words[1], "KUBE-6-") {
				name = "KUBE-6-*"
			}
			names["sets "+name]++
		case where == "ipvsadm" && words[0] == "-A":
			names["virtual servers"]++
		case where == "links":
			names["the device "+strings.TrimSuffix(words[1], ":")]++
		case where == "nfacct":
			names["counters of nfacct"]++
		}
	}
	if jumps > 0 {
		names["jumps from built-in chains"] = jumps
	}
	for _, name := range slices.SortedFunc(maps.Keys(names), cmp.Compare) {
		word := fmt.Sprintf("%d %s", names[name], name)
		if strings.HasPrefix(name, "the ") {
			word = name
		}
		all = append(all, strings.TrimPrefix(word, "1 "))
	}
	if len(all) > 0 && strings.HasPrefix(where, "iptables-") {
		all = []string{where + ": " + strings.Join(all, ", ")}
	}
	return all
}

func builtIn(chain string) bool {
	return slices.Contains([]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}, chain)
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
