package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const said = "noise\r\nOn Linux 5.10.0-32-amd64:\r\n  ok      e2e: TestA\r\n  FAILED  e2e: TestB\r\n  ok      e2e: TestB/one case\r\n"

func TestTable(t *testing.T) {
	tests, err := parseTests("# words\nreach e2e TestA TestB\n\nrestart e2e TestC\n")
	if err != nil {
		t.Fatal(err)
	}
	for backend, want := range map[string]string{"nft": "^(TestA|TestB|TestC)$", "legacy": "^(TestA|TestC)$"} {
		if got := pattern(tests, []reason{{"*", "legacy", "TestB", "so"}, {"5.10", "nft", "TestA", "so"}}, backend); got != want {
			t.Errorf("pattern for %s = %s, want %s", backend, got, want)
		}
	}
	reasons, err := parseReasons("5.10 * TestB it is too old\n5.10 nft TestC it is too old\n")
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseColumn(said, "nft")
	if err != nil {
		t.Fatal(err)
	}
	all := table{tests, reasons, []column{c}}
	const want = `| | 5.10.0-32-amd64 |
|---|---|
| | **nft** |
| reach: ` + "`e2e/TestA`" + ` | ok |
| reach: ` + "`e2e/TestB`" + ` | **fails** (1) |
| restart: ` + "`e2e/TestC`" + ` | **not run** (1) |

(1) it is too old
`
	if got := all.String(); got != want {
		t.Errorf("table:\n%s\nwant\n%s", got, want)
	}
	if err := all.check(); err != nil {
		t.Error(err)
	}
}

func TestTableErrs(t *testing.T) {
	tests := []test{{"reach", "e2e", "TestA"}, {"reach", "e2e", "TestB"}}
	c, err := parseColumn(said, "nft")
	if err != nil {
		t.Fatal(err)
	}
	for want, reasons := range map[string][]reason{
		"TestB on Linux 5.10.0-32-amd64, iptables-nft: fails, and reasons.txt does not say why": {{"5.1", "*", "TestB", "no"}},
		"reasons.txt: * * TestA: it passes":                                                     {{"*", "*", "TestB", "so"}, {"*", "*", "TestA", "so"}},
	} {
		if err := (table{tests, reasons, []column{c}}).check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("check with %v = %v, want %q", reasons, err, want)
		}
	}
	if _, err := parseColumn("nothing", "nft"); err == nil {
		t.Error("a report without a list is read")
	}
	if _, err := insert("a page", "a table"); err == nil {
		t.Error("a page without marks is written")
	}
}

// Each test that is named is one that there is.
func TestNamesAreOfTests(t *testing.T) {
	tests, err := parseTests(testsText)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, test := range tests {
		names[test.name] = true
		files, err := filepath.Glob(filepath.Join("../../..", test.folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !defines(files, test.name) {
			t.Errorf("tests.txt: %s has no %s", test.folder, test.name)
		}
	}
	reasons, err := parseReasons(reasonsText)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reasons {
		if !names[r.test] {
			t.Errorf("reasons.txt: %s is not in tests.txt", r.test)
		}
	}
}

func defines(files []string, name string) bool {
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(text), fmt.Sprintf("\nfunc %s(t *testing.T)", name)) {
			return true
		}
	}
	return false
}
