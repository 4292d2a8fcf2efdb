package explain

import (
	"maps"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Diff says what the daemon would change in the kernel if it looked now, one
// row a line: + for what is to come, - for what is to go. It is empty when all
// is as wanted. Health ports are the daemon's own and not compared. Without a daemon
// (nil) it is not known what is wanted: all rows are shown that the kernel has.
func Diff(m snapshot.Machine, d *snapshot.Daemon) string {
	if d == nil {
		return indented(m.Rows.Lines())
	}
	changes := map[string]string{} // by row, so that the two halves of a change stand together
	for row := range wanted(*d) {
		changes[row] = "+ "
	}
	for _, row := range m.Rows.Lines() {
		if _, both := changes[row]; both {
			delete(changes, row)
		} else {
			changes[row] = "- "
		}
	}
	var b strings.Builder
	for _, row := range slices.Sorted(maps.Keys(changes)) {
		b.WriteString(changes[row] + row + "\n")
	}
	return b.String()
}

func indented(rows []string) string {
	var b strings.Builder
	for _, row := range slices.Sorted(slices.Values(rows)) {
		b.WriteString("  " + row + "\n")
	}
	return b.String()
}

// wanted are all rows that are to be in the kernel.
func wanted(d snapshot.Daemon) map[string]bool {
	rows := map[string]bool{}
	add := func(lines []string) {
		for _, row := range lines {
			if !strings.HasPrefix(row, "health port ") {
				rows[row] = true
			}
		}
	}
	add(d.Common)
	for _, s := range d.Services {
		add(s.Rows)
	}
	return rows
}
