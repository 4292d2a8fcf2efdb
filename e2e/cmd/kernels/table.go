package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/testlog"
)

// column is one run of the tests.
type column struct {
	kernel, backend string
	verdicts        map[string]testlog.Verdict // by folder and name
}

// readColumn reads what e2e/cmd/report said.
func readColumn(file string) (column, error) {
	_, backend, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".txt"), "-")
	data, err := os.ReadFile(file)
	if err != nil {
		return column{}, err
	}
	return parseColumn(string(data), backend)
}

func parseColumn(text, backend string) (column, error) {
	report, err := testlog.ReadReport(text)
	if err != nil {
		return column{}, err
	}
	c := column{report.Kernel, backend, map[string]testlog.Verdict{}}
	for _, r := range report.Results {
		c.verdicts[test{folder: r.Package, name: r.Test}.key()] = r.Verdict
	}
	return c, nil
}

// table is what goes into the page.
type table struct {
	tests   []test
	reasons []reason
	columns []column
}

// String is the table, and below it the reasons that it refers to.
func (t table) String() string {
	var b strings.Builder
	kernels, backends, rule := "| |", "| |", "|---|"
	for _, c := range t.columns {
		kernels += " " + c.kernel + " |"
		backends += " **" + c.backend + "** |"
		rule += "---|"
	}
	fmt.Fprintf(&b, "%s\n%s\n%s\n", kernels, rule, backends)
	var notes []string
	for _, test := range t.tests {
		fmt.Fprintf(&b, "| %s: `%s/%s` |", test.group, filepath.Base(test.folder), test.name)
		for _, c := range t.columns {
			cell := t.cell(test, c)
			if r, ok := t.reason(test, c); ok && cell != "ok" {
				notes = note(notes, r.why)
				cell += fmt.Sprintf(" (%d)", number(notes, r.why))
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	for i, why := range notes {
		fmt.Fprintf(&b, "\n(%d) %s\n", i+1, why)
	}
	return b.String()
}

func (t table) cell(test test, c column) string {
	switch c.verdicts[test.key()] {
	case testlog.Passed:
		return "ok"
	case testlog.Failed:
		return "**fails**"
	}
	return "**not run**"
}

func (t table) reason(test test, c column) (reason, bool) {
	for _, r := range t.reasons {
		if r.explains(test, c) {
			return r, true
		}
	}
	return reason{}, false
}

// check errs with each cell that neither passes nor has a reason, and with each reason that is about cells of which none
// needs it.
func (t table) check() error {
	var errs []error
	passes := map[reason]bool{} // of those that are about a cell
	for _, test := range t.tests {
		for _, c := range t.columns {
			r, ok := t.reason(test, c)
			passing := t.cell(test, c) == "ok"
			if before, known := passes[r]; ok {
				passes[r] = passing && (before || !known)
			} else if !passing {
				errs = append(errs, fmt.Errorf("%s on Linux %s, iptables-%s: %s, and reasons.txt does not say why",
					test.name, c.kernel, c.backend, strings.Trim(t.cell(test, c), "*")))
			}
		}
	}
	for _, r := range t.reasons {
		if passes[r] {
			errs = append(errs, fmt.Errorf("reasons.txt: %s %s %s: it passes", r.kernel, r.backend, r.test))
		}
	}
	return errors.Join(errs...)
}

func note(notes []string, why string) []string {
	if number(notes, why) > 0 {
		return notes
	}
	return append(notes, why)
}

// number is the place of a note, counted from one, or nought.
func number(notes []string, why string) int {
	for i, n := range notes {
		if n == why {
			return i + 1
		}
	}
	return 0
}

// insert puts the table between the marks of the page.
func insert(page, table string) (string, error) {
	const begin, end = "<!-- begin: written by make kernels -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", errors.New("it lacks the line " + strings.TrimSpace(begin) + ", or the end")
	}
	return before + begin + table + end + after, nil
}
