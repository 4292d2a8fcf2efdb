package main

import (
	"strings"
	"testing"
)

func TestVerdictsAreCountedOnce(t *testing.T) {
	var r results
	r.read(strings.NewReader(`=== RUN   TestA
=== RUN   TestA/one_case
--- FAIL: TestA (0.01s)
    --- PASS: TestA/one_case (0.00s)
    --- SKIP: TestA/another (0.00s)
PASS
`), "e2e")
	var b strings.Builder
	r.print(&b)
	for _, want := range []string{"ok      e2e: TestA/one case\n", "FAILED  e2e: TestA\n", "SKIPPED e2e: TestA/another\n", "1 passed, 1 failed, 1 skipped\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
