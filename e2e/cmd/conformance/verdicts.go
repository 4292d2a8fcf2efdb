package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/testlog"
)

const module = "github.com/kube-ipvs/kube-ipvs/"

// verdicts are what became of tests, by key.
type verdicts map[string]testlog.Verdict

// readUnit reads the output of go test -json.
func (v verdicts) readUnit(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	results, err := testlog.Events(f)
	v.add(results)
	return err
}

// readReport reads the list that ends the output of e2e/cmd/report, and answers
// with the kernel that it is about.
func (v verdicts) readReport(file string) (kernel string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	report, err := testlog.ReadReport(string(text))
	v.add(report.Results)
	return report.Kernel, err
}

func (v verdicts) add(results []testlog.Result) {
	for _, r := range results {
		v[key(strings.TrimPrefix(r.Package, module), r.Test)] = r.Verdict
	}
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
			if verdict := cmp.Or(v[key(t.Folder, t.Name)], "was not run, or has another name"); verdict != testlog.Passed {
				errs = append(errs, fmt.Errorf("%s: %s: %s", r.ID, t.Text, verdict))
			}
		}
	}
	return errors.Join(errs...)
}
