package page

import (
	"fmt"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// table is Markdown; all columns but the first two are numbers.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var b strings.Builder
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---"
		if i > 1 {
			rule[i] = "---:"
		}
	}
	for _, row := range append([][]string{t.head, rule}, t.rows...) {
		_, _ = fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

const nothing = "–"

// number has three digits that count.
func number(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return fmt.Sprintf("%.2f", x)
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }

func optional(x *float64) string {
	if x == nil {
		return nothing
	}
	return fmt.Sprintf("%.4g", *x)
}

func settled(s *figures.Start) string {
	switch {
	case s == nil:
		return nothing
	case s.Over > 0:
		return fmt.Sprintf("over %.0f", s.Over)
	}
	return number(s.Settled)
}

// firstAnswer may not have come before the time was over.
func firstAnswer(s *figures.Start) string {
	if s.First == 0 {
		return nothing
	}
	return number(s.First)
}

// latencies are p50, p90, p99 and the worst.
func latencies(s figures.Samples) []string {
	if len(s) == 0 {
		return []string{nothing, nothing, nothing, nothing}
	}
	return []string{number(s.P(50)), number(s.P(90)), number(s.P(99)), number(s.Worst())}
}
