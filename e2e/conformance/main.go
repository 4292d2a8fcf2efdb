package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	unit := flag.String("unit", "", "`file` with the output of go test -json")
	report := flag.String("report", "", "`file` with the output of make e2e; without it no row is shown with packets")
	page := flag.String("o", "docs/conformance.md", "`file` to write")
	flag.Parse()
	if err := write(*unit, *report, *page); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(unit, report, page string) error {
	rows, err := readRows(text)
	if err != nil {
		return err
	}
	said := verdicts{}
	if err := said.readUnit(unit); err != nil {
		return fmt.Errorf("read %s: %w", unit, err)
	}
	kernel := ""
	if report != "" {
		if kernel, err = said.readReport(report); err != nil {
			return fmt.Errorf("read %s: %w", report, err)
		}
	}
	if err := said.check(rows, kernel != ""); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(render(rows, kernel)), 0o644)
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
			if verdict := cmp.Or(v[t.key()], "was not run, or has another name"); verdict != passed {
				errs = append(errs, fmt.Errorf("%s: %s: %s", r.ID, t.Text, verdict))
			}
		}
	}
	return errors.Join(errs...)
}
