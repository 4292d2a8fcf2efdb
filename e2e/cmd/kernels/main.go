package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
)

var (
	//go:embed tests.txt
	testsText string
	//go:embed reasons.txt
	reasonsText string
)

func main() {
	list := flag.String("tests", "", "print a regexp of the tests that can pass with this `backend`")
	page := flag.String("page", "", "the `file` to write the table into")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: kernels -tests BACKEND | kernels -page PAGE KERNEL-BACKEND.txt...")
	}
	flag.Parse()
	if err := run(*list, *page, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

func run(backend, page string, files []string) error {
	tests, err := parseTests(testsText)
	if err != nil {
		return fmt.Errorf("tests.txt: %w", err)
	}
	reasons, err := parseReasons(reasonsText)
	if err != nil {
		return fmt.Errorf("reasons.txt: %w", err)
	}
	if backend != "" {
		fmt.Println(pattern(tests, reasons, backend))
		return nil
	}
	if page == "" || len(files) == 0 {
		flag.Usage()
		return errors.New("-page and at least one report are needed")
	}
	t := table{tests: tests, reasons: reasons}
	for _, file := range files {
		c, err := readColumn(file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		t.columns = append(t.columns, c)
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := insert(string(old), t.String())
	if err != nil {
		return fmt.Errorf("write %s: %w", page, err)
	}
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		return err
	}
	return t.check()
}
