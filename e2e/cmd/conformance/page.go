package main

import (
	"fmt"
	"slices"
	"strings"
)

// The results, in the order in which they are counted.
const (
	withPackets = "packets"
	byRows      = "rows"
	limit       = "limit"
	notYet      = "not yet"
	notRun      = "not run"
)

// result is what the row comes to when all of its tests have passed; those with
// packets only count when there was a kernel.
func (r row) result(kernel string) string {
	switch {
	case strings.HasPrefix(r.Remark, limit+": "):
		return limit
	case strings.HasPrefix(r.Remark, notYet+": "):
		return notYet
	case len(r.Packets) > 0 && kernel != "":
		return withPackets
	case len(r.Rows) > 0:
		return byRows
	}
	return notRun
}

const head = `# Conformance

What the Service API promises, what comes of it here, and the tests that show it. This page is written by ` + "`make conformance`" + `,
which fails when a test that is named here does not pass; what it says is in ` + "`e2e/cmd/conformance/rows.txt`" + `.

| result | | promises |
|---|---|---|
`

// meanings of the results.
var meanings = []struct{ result, text string }{
	{withPackets, "shown with packets on a real kernel"},
	{byRows, "shown by what is asked of the kernel, and by the logic that leads there"},
	{limit, "not, or not quite, as the API or kube-proxy have it; the remark says what differs"},
	{notYet, "not built, or not tested"},
	{notRun, "tests with packets only, and there was no kernel to run them"},
}

// render is the page. With an empty kernel none of the tests with packets were
// run.
func render(rows []row, kernel string) string {
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.result(kernel)]++
	}
	var b strings.Builder
	b.WriteString(head)
	for _, m := range meanings {
		if m.result != notRun || counts[notRun] > 0 {
			fmt.Fprintf(&b, "| **%s** | %s | %d |\n", m.result, m.text, counts[m.result])
		}
	}
	fmt.Fprintf(&b, "| | | %d |\n\n", len(rows))
	if kernel == "" {
		b.WriteString("Tests with packets were not run.\n")
	} else {
		fmt.Fprintf(&b, "Packets were sent on Linux %s.\n", kernel)
	}
	part := ""
	for _, r := range rows {
		if r.Part != part {
			part = r.Part
			fmt.Fprintf(&b, "\n## %s\n\n| | promise | result | remark | tests |\n|---|---|---|---|---|\n", part)
		}
		result := r.result(kernel)
		remark := strings.TrimPrefix(r.Remark, result+": ")
		fmt.Fprintf(&b, "| %s | %s | **%s** | %s | %s |\n", r.ID, r.Promise, result, remark, r.tests(kernel))
	}
	return b.String()
}

// tests are those of the row that were run, those with packets first.
func (r row) tests(kernel string) string {
	run := r.Rows
	if kernel != "" {
		run = slices.Concat(r.Packets, r.Rows)
	}
	var all []string
	for _, t := range run {
		all = append(all, "`"+t.Text+"`")
	}
	return strings.Join(all, "<br>")
}
