package testlog

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Report is one list of what was shown on which kernel.
type Report struct {
	Kernel  string // its release
	Results []Result
}

// groups are the parts of the list, each with its word.
var groups = []struct {
	word    string
	verdict Verdict
}{{"ok", Passed}, {"FAILED", Failed}, {"SKIPPED", Skipped}}

// Count is how many tests have ended so.
func (r Report) Count(v Verdict) (n int) {
	for _, result := range r.Results {
		if result.Verdict == v {
			n++
		}
	}
	return n
}

// Write writes the list:
//
//	On Linux 6.1.0:
//	  ok      e2e: TestX/case one
//	  FAILED  e2e: TestY
//
//	1 passed, 1 failed, 0 skipped
func (r Report) Write(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\nOn Linux %s:\n", r.Kernel)
	for _, g := range groups {
		for _, result := range r.Results {
			if result.Verdict == g.verdict {
				fmt.Fprintf(&b, "  %-8s%s: %s\n", g.word, result.Package, strings.ReplaceAll(result.Test, "_", " "))
			}
		}
	}
	fmt.Fprintf(&b, "\n%d passed, %d failed, %d skipped\n", r.Count(Passed), r.Count(Failed), r.Count(Skipped))
	_, err := io.WriteString(to, b.String())
	return err
}

var (
	onLinux = regexp.MustCompile(`(?m)^On Linux (.+):$`)
	ended   = regexp.MustCompile(`(?m)^  (ok|FAILED|SKIPPED) +(\S+): (.+)$`)
)

// ReadReport finds the list in text that ends with one.
func ReadReport(text string) (r Report, err error) {
	text = strings.ReplaceAll(text, "\r", "") // a console's
	found := onLinux.FindStringSubmatch(text)
	if found == nil {
		return r, errors.New("it has no list of what was shown on which kernel")
	}
	r.Kernel = found[1]
	for _, line := range ended.FindAllStringSubmatch(text, -1) {
		for _, g := range groups {
			if g.word == line[1] {
				r.Results = append(r.Results, Result{line[2], line[3], g.verdict})
			}
		}
	}
	return r, nil
}
