// Command rows puts the rows of a table, as a test has printed them, into a
// page: those that the test has logged as
//
//	TARGET: | a cell | another |
//
// come in the place of the rows between the marks `<!-- begin: written by make
// TARGET -->` and `<!-- end -->`; the table's head, its first two lines, stays.
// A run without a row changes nothing.
//
//	rows PAGE TARGET OUTPUT-OF-THE-TEST
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/testlog"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: rows PAGE TARGET OUTPUT-OF-THE-TEST")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
}

func write(page, target, output string) error {
	said, err := os.ReadFile(output)
	if err != nil {
		return err
	}
	rows := testlog.Rows(string(said), target)
	if rows == "" {
		return fmt.Errorf("%s has no row of %s", output, target)
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := insert(string(old), target, rows)
	if err != nil {
		return fmt.Errorf("write %s: %w", page, err)
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// insert puts rows in the place of those between the marks.
func insert(text, target, rows string) (string, error) {
	begin, end := "<!-- begin: written by make "+target+" -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(text, begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", errors.New("it lacks the line " + strings.TrimSpace(begin) + ", or the end")
	}
	head := strings.SplitAfterN(table, "\n", 3)
	if len(head) < 3 || !strings.HasPrefix(head[1], "|-") {
		return "", errors.New("after " + strings.TrimSpace(begin) + " come the two lines of a table's head")
	}
	return before + begin + head[0] + head[1] + rows + end + after, nil
}
