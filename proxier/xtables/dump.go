package xtables

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Place is a chain of a table.
type Place struct{ Table, Chain string }

// String is "nat KUBE-SERVICES".
func (p Place) String() string { return p.Table + " " + p.Chain }

// BuiltIn tells whether the kernel itself sends packets to the chain.
func (p Place) BuiltIn() bool {
	switch p.Chain {
	case "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING":
		return true
	}
	return false
}

// FilterInput is the chain that packets pass before IPVS sees them.
var FilterInput = Place{Table: "filter", Chain: "INPUT"}

// Dump is what iptables-save printed: the rules of each chain, without "-A
// CHAIN" in front.
type Dump map[Place][]string

// Parse reads the output of iptables-save. A dump that does not end each table
// with COMMIT is short and an error.
func Parse(text string) (Dump, error) {
	d := Dump{}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '*':
			table = line[1:]
		case line == "COMMIT":
			table = ""
		case table == "":
			return nil, fmt.Errorf("iptables-save: line %q outside of a table", line)
		case line[0] == ':':
			name, _, _ := strings.Cut(line[1:], " ")
			d[Place{table, name}] = nil
		case strings.HasPrefix(line, "-A "):
			name, rule, _ := strings.Cut(line[len("-A "):], " ")
			p := Place{table, name}
			d[p] = append(d[p], rule)
		default:
			return nil, fmt.Errorf("iptables-save: cannot read line %q", line)
		}
	}
	if table != "" {
		return nil, fmt.Errorf("iptables-save: table %s has no end", table)
	}
	return d, nil
}

// Incompatible are the tables that iptables-save left out because rules in
// them were not made by iptables; it says so in a comment only.
func Incompatible(text string) (tables []string) {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "# Table `"); found && strings.Contains(rest, "is incompatible") {
			name, _, _ := strings.Cut(rest, "'")
			tables = append(tables, name)
		}
	}
	return tables
}

// Refuses tells whether the chain keeps out what none of its rules lets in: by its
// policy, or by a last rule that matches everything.
func Refuses(text string, p Place) (refuses bool) {
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "*") {
			table = line[1:]
		}
		if table != p.Table {
			continue
		}
		if policy, found := strings.CutPrefix(line, ":"+p.Chain+" "); found {
			refuses = strings.HasPrefix(policy, "DROP ")
		}
		switch rule, _ := strings.CutPrefix(line, "-A "+p.Chain+" "); {
		case rule == "-j DROP", rule == "-j REJECT", strings.HasPrefix(rule, "-j REJECT "):
			refuses = true
		}
	}
	return refuses
}

// Places are all chains in a steady order.
func (d Dump) Places() []Place {
	return slices.SortedFunc(maps.Keys(d), func(a, b Place) int { return strings.Compare(a.String(), b.String()) })
}
