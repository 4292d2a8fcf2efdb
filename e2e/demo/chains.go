//go:build linux

package main

import (
	"regexp"
	"slices"
	"strings"
)

// chain is a chain of an iptables table that is not built in.
type chain struct {
	name  string
	rules []string
	jumps int    // rules elsewhere that lead here
	what  string // first word of its first comment: the Service, in kube-proxy's chains
}

var (
	// perService are the chains of kube-proxy's iptables mode.
	perService = regexp.MustCompile(`^KUBE-(SVC|SEP)-[A-Z2-7]{16}$`)
	jump       = regexp.MustCompile(` -[jg] (\S+)`)
	comment    = regexp.MustCompile(` --comment "?([^ "]+)`)
)

// readChains reads what iptables-save prints of one table.
func readChains(text string) []chain {
	var chains []chain
	find := func(name string) *chain {
		i := slices.IndexFunc(chains, func(c chain) bool { return c.name == name })
		if i < 0 {
			return &chain{}
		}
		return &chains[i]
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, ":") && len(words) > 1 && words[1] == "-":
			chains = append(chains, chain{name: words[0][1:]})
		case len(words) > 2 && words[0] == "-A":
			c := find(words[1])
			c.rules = append(c.rules, line)
			if m := comment.FindStringSubmatch(line); m != nil && c.what == "" {
				c.what = m[1]
			}
			if m := jump.FindStringSubmatch(line); m != nil {
				find(m[1]).jumps++
			}
		}
	}
	return chains
}

// sorted splits chains into those that kube-proxy made for Services and the
// others whose names begin with KUBE-.
func sorted(chains []chain) (stale, foreign []chain) {
	for _, c := range chains {
		switch {
		case perService.MatchString(c.name):
			stale = append(stale, c)
		case strings.HasPrefix(c.name, "KUBE-"):
			foreign = append(foreign, c)
		}
	}
	return stale, foreign
}

// changed are the names of the chains that are not, or not with the same
// rules, among those of now.
func changed(before, now []chain) []string {
	var names []string
	for _, b := range before {
		same := func(c chain) bool { return c.name == b.name && slices.Equal(c.rules, b.rules) }
		if !slices.ContainsFunc(now, same) {
			names = append(names, b.name)
		}
	}
	return names
}
