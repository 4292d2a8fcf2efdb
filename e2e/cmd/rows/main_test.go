package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	page = `above
<!-- begin: written by make soak -->
| what | how much |
|---|---|
| old | 1 |
<!-- end -->
between
<!-- begin: written by make faults -->
| what |
|---|
<!-- end -->
below
`
	said = `=== RUN   TestX
    x_test.go:9: soak: | memory | 2 |
    x_test.go:9: faults: | churn |
    x_test.go:9: soak: | files | 3 |
FAIL
`
)

func TestRowsComeIntoThePage(t *testing.T) {
	folder := t.TempDir()
	into, from := filepath.Join(folder, "page.md"), filepath.Join(folder, "said.txt")
	for name, text := range map[string]string{into: page, from: said} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(into, "soak", from); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(into)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(page, "| old | 1 |\n", "| memory | 2 |\n| files | 3 |\n", 1)
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, target := range []string{"bench", ""} {
		if err := write(into, target, from); err == nil || !strings.Contains(err.Error(), "no row") {
			t.Errorf("rows of %q: %v, want an error", target, err)
		}
	}
}

func TestPagesWithoutAPlace(t *testing.T) {
	for _, bad := range []string{
		"", "<!-- end -->\n", "<!-- begin: written by make soak -->\n",
		"<!-- begin: written by make soak -->\n<!-- end -->\n",
		"<!-- begin: written by make soak -->\nno\ntable\n<!-- end -->\n",
	} {
		if got, err := insert(bad, "soak", "| new |\n"); err == nil {
			t.Errorf("insert into %q: %q, want an error", bad, got)
		}
	}
}
