//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
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
