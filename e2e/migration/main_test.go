package main

import "testing"

func TestRead(t *testing.T) {
	const said = `=== RUN   TestX
    leftovers_test.go:9: migration: | ipvs mode | sets | nothing |
--- PASS: TestX (1.00s)
`
	if rows, err := read(said + "PASS\n"); err != nil || rows != "| ipvs mode | sets | nothing |\n" {
		t.Errorf("rows %q, %v", rows, err)
	}
	for _, bad := range []string{said + "FAIL\n", "PASS\n", ""} {
		if rows, err := read(bad); err == nil {
			t.Errorf("read %q: %q, want an error", bad, rows)
		}
	}
}

func TestInsert(t *testing.T) {
	const text = "above\n" + begin + "old\n" + end + "below\n"
	if got, err := insert(text, "new\n"); err != nil || got != "above\n"+begin+"new\n"+end+"below\n" {
		t.Errorf("got %q, %v", got, err)
	}
	for _, bad := range []string{"", begin, end} {
		if got, err := insert(bad, "new\n"); err == nil {
			t.Errorf("insert into %q: %q, want an error", bad, got)
		}
	}
}
