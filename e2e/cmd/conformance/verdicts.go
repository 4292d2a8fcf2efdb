package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	module = "github.com/kube-ipvs/kube-ipvs/"
	passed = "passed"
)

// verdicts are what became of tests, by key.
type verdicts map[string]string

var words = map[string]string{
	"pass": passed, "fail": "failed", "skip": "skipped", // in the words of go test
	"ok": passed, "FAILED": "failed", "SKIPPED": "skipped", // and of e2e/cmd/report
}

// readUnit reads the output of go test -json.
func (v verdicts) readUnit(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	for events := json.NewDecoder(f); ; {
		var e struct{ Action, Package, Test string }
		if err := events.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if word := words[e.Action]; word != "" && e.Test != "" {
			v[key(strings.TrimPrefix(e.Package, module), e.Test)] = word
		}
	}
}

var (
	onLinux = regexp.MustCompile(`(?m)^On Linux (.+):$`)
	ended   = regexp.MustCompile(`(?m)^  (ok|FAILED|SKIPPED) +(\S+): (.+)$`)
)

// readReport reads the list that ends the output of e2e/cmd/report, and answers
// with the kernel that it is about.
func (v verdicts) readReport(file string) (kernel string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.ReplaceAll(string(data), "\r", "")
	found := onLinux.FindStringSubmatch(text)
	if found == nil {
		return "", errors.New("it has no list of what was shown on which kernel")
	}
	for _, line := range ended.FindAllStringSubmatch(text, -1) {
		v[key(line[2], line[3])] = words[line[1]]
	}
	return found[1], nil
}

// check errs with all tests that rows name and that have not passed.
func (v verdicts) check(rows []row, packets bool) error {
	var errs []error
	for _, r := range rows {
		tests := r.Rows
		if packets {
			tests = slices.Concat(tests, r.Packets)
		}
		for _, t := range tests {
			if verdict := cmp.Or(v[key(t.Folder, t.Name)], "was not run, or has another name"); verdict != passed {
				errs = append(errs, fmt.Errorf("%s: %s: %s", r.ID, t.Text, verdict))
			}
		}
	}
	return errors.Join(errs...)
}
