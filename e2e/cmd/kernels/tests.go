package main

import (
	"fmt"
	"slices"
	"strings"
)

// test is one line of the table.
type test struct{ group, folder, name string }

func (t test) key() string { return t.folder + ": " + t.name }

// parseTests reads tests.txt.
func parseTests(text string) (all []test, err error) {
	for line := range lines(text) {
		words := strings.Fields(line)
		if len(words) < 3 {
			return nil, fmt.Errorf("%q: want a group, a folder and tests", line)
		}
		for _, name := range words[2:] {
			all = append(all, test{words[0], words[1], name})
		}
	}
	return all, nil
}

// pattern is a regexp of the tests, as `go test -run` takes it, but for those that fail with this backend on every kernel.
func pattern(tests []test, reasons []reason, backend string) string {
	var names []string
	for _, t := range tests {
		if !slices.ContainsFunc(reasons, func(r reason) bool { return r.test == t.name && r.backend == backend && r.kernel == "*" }) {
			names = append(names, t.name)
		}
	}
	return "^(" + strings.Join(names, "|") + ")$"
}

// reason is why a test fails on a kernel with a backend, each of which * stands for all of.
type reason struct{ kernel, backend, test, why string }

// parseReasons reads reasons.txt.
func parseReasons(text string) (all []reason, err error) {
	for line := range lines(text) {
		words := strings.Fields(line)
		if len(words) < 4 {
			return nil, fmt.Errorf("%q: want a kernel, a backend, a test and a reason", line)
		}
		all = append(all, reason{words[0], words[1], words[2], strings.Join(words[3:], " ")})
	}
	return all, nil
}

// explains tells whether it is about a test in a column.
func (r reason) explains(t test, c column) bool {
	return r.test == t.name && (r.backend == "*" || r.backend == c.backend) &&
		(r.kernel == "*" || strings.HasPrefix(c.kernel, r.kernel+"."))
}

// lines are those of a text that say something.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}
