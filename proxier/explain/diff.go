package explain

import (
	"maps"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Diff says what the daemon would change in the kernel if it looked now, one
// row a line: + for what is to come, - for what is to go. It is empty when all
// is as wanted. Health ports are the daemon's own and not compared. Without a daemon
// (nil) it is not known what is wanted: all rows are shown that the kernel has.
func Diff(m snapshot.Machine, d *snapshot.Daemon) string {
	held := m.Rows
	held.HealthPorts = nil
	if d == nil {
		return marked(map[string]state.Rows{"  ": held})
	}
	desired := wanted(*d)
	return marked(map[string]state.Rows{"+ ": desired.Without(held), "- ": held.Without(desired)})
}

// marked are all rows in one order, so that the two halves of a change stand
// together, each with its mark.
func marked(rows map[string]state.Rows) string {
	lines := map[string]string{}
	for mark, some := range rows {
		for _, line := range some.Lines() {
			lines[line] = mark
		}
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		b.WriteString(lines[line] + line + "\n")
	}
	return b.String()
}

// wanted are all rows that are to be in the kernel.
func wanted(d snapshot.Daemon) state.Rows {
	rows := state.NewRows()
	rows.Add(d.Common)
	for _, s := range d.Services {
		rows.Add(s.Rows)
	}
	rows.HealthPorts = nil
	return rows
}
