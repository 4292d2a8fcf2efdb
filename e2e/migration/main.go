// Command migration writes the table in docs/migration.md: what the real
// kube-proxy's own cleanup leaves on a node. The rows come out of the test that
// measures them; unless that has passed, nothing is written.
//
//	migration OUTPUT-OF-THE-TEST
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const (
	page  = "docs/migration.md"
	begin = "<!-- begin: written by make migration -->\n"
	end   = "<!-- end -->\n"
	head  = "| what kube-proxy had been | left after the first `kube-proxy --cleanup` | left after the second |\n|---|---|---|\n"
	// row stands before each row in the test's output.
	row = "migration: "
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: migration OUTPUT-OF-THE-TEST")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "migration:", err)
		os.Exit(1)
	}
}

func write(output string) error {
	said, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	rows, err := read(string(said))
	if err != nil {
		return fmt.Errorf("read %s: %w", output, err)
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := insert(string(old), head+rows)
	if err != nil {
		return fmt.Errorf("write %s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// read finds the rows in what the test has said.
func read(said string) (rows string, err error) {
	passed := false
	for line := range strings.Lines(said) {
		passed = passed || strings.HasPrefix(line, "PASS")
		if _, cells, found := strings.Cut(line, row); found {
			rows += cells
		}
	}
	if !passed || rows == "" {
		return "", errors.New("the test has not passed, or has no rows")
	}
	return rows, nil
}

// insert puts a table in the place of the one between the marks.
func insert(text, table string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", errors.New("the marks of the table are not there")
	}
	return before + begin + table + end + after, nil
}
