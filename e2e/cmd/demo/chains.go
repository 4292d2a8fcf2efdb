//go:build linux

package main

import (
	"regexp"
	"slices"
	"strings"
)

// chain is a chain of an iptables table that is not built in.
type chain struct {
	table, name string
	rules       []string
	jumps       int      // from chains that are not built in
	hooks       []string // from those that are: rules as they stand
}

// kind is the chain's name without the hash of a Service or endpoint:
// KUBE-SVC-*.
func (c chain) kind() string { return hash.ReplaceAllString(c.name, "-*") }

var (
	hash    = regexp.MustCompile(`-[A-Z2-7]{16}$`)
	jump    = regexp.MustCompile(` -[jg] (\S+)`)
	builtIn = regexp.MustCompile(`^-A (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) `)
)

// readChains reads what iptables-save prints.
func readChains(text string) []chain {
	var chains []chain
	table := ""
	find := func(name string) *chain {
		i := slices.IndexFunc(chains, func(c chain) bool { return c.table == table && c.name == name })
		if i < 0 {
			return &chain{}
		}
		return &chains[i]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":") && len(words) > 1 && words[1] == "-":
			chains = append(chains, chain{table: table, name: words[0][1:]})
		case len(words) > 2 && words[0] == "-A":
			c := find(words[1])
			c.rules = append(c.rules, line)
			m := jump.FindStringSubmatch(line)
			switch {
			case m == nil:
			case builtIn.MatchString(line):
				find(m[1]).hooks = append(find(m[1]).hooks, line)
			default:
				find(m[1]).jumps++
			}
		}
	}
	return chains
}

// kubelets are the kubelet's chains, in all tables; the others that a dump of
// the demo's node shows are kube-proxy's or ours.
var kubelets = []string{"KUBE-KUBELET-CANARY", "KUBE-IPTABLES-HINT", "KUBE-FIREWALL"}

// sorted splits chains into kube-proxy's, the kubelet's and those of kube-ipvs.
func sorted(chains []chain) (old, foreign, ours []chain) {
	for _, c := range chains {
		switch {
		case strings.HasPrefix(c.name, "KIPVS"):
			ours = append(ours, c)
		case slices.Contains(kubelets, c.name):
			foreign = append(foreign, c)
		default:
			old = append(old, c)
		}
	}
	return old, foreign, ours
}

// changed are the names of the chains that are not, or not with the same
// rules and jumps, among those of now.
func changed(before, now []chain) []string {
	var names []string
	for _, b := range before {
		same := func(c chain) bool {
			return c.table == b.table && c.name == b.name && slices.Equal(c.rules, b.rules) && slices.Equal(c.hooks, b.hooks)
		}
		if !slices.ContainsFunc(now, same) {
			names = append(names, b.table+" "+b.name)
		}
	}
	return names
}
