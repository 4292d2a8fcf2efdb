// Command conformance writes docs/conformance.md: what the Service API
// promises, what comes of it here, and which test shows it. The promises stand
// in rows.txt, one a line. A row is only as good as its tests, so the command
// reads what they said and writes nothing unless each of those named has
// passed.
package main

import (
	"flag"
	"fmt"
	"os"
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
