//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/testlog"
)

func TestVerdictsAreCountedOnce(t *testing.T) {
	var r testlog.Report
	var passedOn strings.Builder
	read(&r, strings.NewReader(`=== RUN   TestA
=== RUN   TestA/one_case
    a_test.go:1: it says
--- FAIL: TestA (0.01s)
    --- PASS: TestA/one_case (0.00s)
    --- SKIP: TestA/another (0.00s)
PASS
`), &passedOn, "e2e")
	want := []testlog.Result{
		{Package: "e2e", Test: "TestA", Verdict: testlog.Failed},
		{Package: "e2e", Test: "TestA/one_case", Verdict: testlog.Passed},
		{Package: "e2e", Test: "TestA/another", Verdict: testlog.Skipped},
	}
	if !slices.Equal(r.Results, want) {
		t.Errorf("%v, want %v", r.Results, want)
	}
	if text := passedOn.String(); !strings.Contains(text, "it says\n") || strings.Contains(text, "=== RUN") {
		t.Errorf("passed on:\n%s", text)
	}
}
