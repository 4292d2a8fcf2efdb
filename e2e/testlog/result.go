package testlog

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// Verdict is how a test ended.
type Verdict string

// The words for it.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
)

// Result is a test that has ended.
type Result struct {
	Package string // or the folder of it
	Test    string // with its subtest; in the words of go test a blank is an underscore
	Verdict Verdict
}

// verdicts are the words of go test, lower case in its events and upper case in
// its lines.
var verdicts = map[string]Verdict{"pass": Passed, "fail": Failed, "skip": Skipped}

// Line reads a line of go test -v such as "    --- PASS: TestX/case_one (0.01s)".
// It has no package. Other lines are no result.
func Line(line string) (r Result, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "--- ")
	if !ok {
		return r, false
	}
	word, rest, _ := strings.Cut(rest, ": ")
	r.Test, _, _ = strings.Cut(rest, " ")
	r.Verdict = verdicts[strings.ToLower(word)]
	return r, r.Verdict != ""
}

// Progress tells whether a line of go test -v only says what goes on: "=== RUN".
func Progress(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "=== ") }

// Events reads what go test -json writes.
func Events(from io.Reader) (all []Result, err error) {
	for events := json.NewDecoder(from); ; {
		var e struct{ Action, Package, Test string }
		if err := events.Decode(&e); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if verdict := verdicts[e.Action]; verdict != "" && e.Test != "" {
			all = append(all, Result{e.Package, e.Test, verdict})
		}
	}
}

// Rows are the cells that tests have logged as "TARGET: | a cell | another |", as
// lines of a table.
func Rows(text, target string) (rows string) {
	for line := range strings.Lines(text) {
		if _, cells, found := strings.Cut(line, " "+target+": |"); found {
			rows += "|" + cells
		}
	}
	return rows
}
