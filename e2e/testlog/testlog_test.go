package testlog

import (
	"slices"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for line, want := range map[string]Result{
		"--- FAIL: TestA (0.01s)":              {Test: "TestA", Verdict: Failed},
		"    --- PASS: TestA/one_case (0.00s)": {Test: "TestA/one_case", Verdict: Passed},
		"    --- SKIP: TestA/another (0.00s)":  {Test: "TestA/another", Verdict: Skipped},
		"=== RUN   TestA":                      {},
		"--- a line of dashes":                 {},
		"PASS":                                 {},
	} {
		got, ok := Line(line)
		if ok != (want != Result{}) || ok && got != want {
			t.Errorf("%q: %+v, %t; want %+v", line, got, ok, want)
		}
	}
	if !Progress("    === RUN   TestA/b") || Progress("--- PASS: TestA") {
		t.Error("progress is what begins with ===")
	}
}

func TestEvents(t *testing.T) {
	got, err := Events(strings.NewReader(`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestB (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA/one_two"}
{"Action":"fail","Package":"p"}
`))
	if want := []Result{{"p", "TestA/one_two", Failed}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := Events(strings.NewReader("--- PASS\n")); err == nil {
		t.Error("no events: want an error")
	}
}

func TestReportIsReadBack(t *testing.T) {
	r := Report{"6.1.0", []Result{{"e2e", "TestA", Failed}, {"e2e", "TestA/one_case", Passed}, {"ipset", "TestB", Skipped}}}
	var b strings.Builder
	b.WriteString("--- PASS: TestX\r\n")
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nOn Linux 6.1.0:\n", "  ok      e2e: TestA/one case\n", "  FAILED  e2e: TestA\n", "  SKIPPED ipset: TestB\n",
		"\n1 passed, 1 failed, 1 skipped\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	got, err := ReadReport(strings.ReplaceAll(b.String(), "\n", "\r\n"))
	want := []Result{{"e2e", "TestA/one case", Passed}, {"e2e", "TestA", Failed}, {"ipset", "TestB", Skipped}}
	if err != nil || got.Kernel != r.Kernel || !slices.Equal(got.Results, want) {
		t.Errorf("read back: %+v, %v", got, err)
	}
	if _, err := ReadReport("--- PASS: TestB\n"); err == nil {
		t.Error("no list: want an error")
	}
}

func TestRows(t *testing.T) {
	const said = `=== RUN   TestX
    x_test.go:9: soak: | memory | 2 |
    x_test.go:9: faults: | churn |
    x_test.go:9: soak: | files | 3 |
`
	if got := Rows(said, "soak"); got != "| memory | 2 |\n| files | 3 |\n" {
		t.Errorf("rows of soak: %q", got)
	}
	if got := Rows(said, "bench"); got != "" {
		t.Errorf("rows of bench: %q", got)
	}
}
