package page

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

const (
	begin = "<!-- bench:begin -->\n"
	end   = "<!-- bench:end -->\n"
)

// Readme puts the run's table between the markers of the README.
func Readme(text string, r figures.Run) (string, error) {
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", errors.New("README.md: want the lines " + strings.TrimSpace(begin) + " and " + strings.TrimSpace(end))
	}
	return before + begin + summary(r) + end + after, nil
}

// summary is the run in one table and one sentence.
func summary(r figures.Run) string {
	t := newTable("", "Services × endpoints", "start until settled, s", "CPU until then, s", "one endpoint moved, ms: p50", "p99", "memory, MiB")
	for _, proxy := range proxies {
		for _, size := range r.Sizes() {
			c, ok := r.Cell(proxy, size)
			if !ok || c.Start == nil {
				continue
			}
			median, tail, memory := nothing, nothing, nothing
			if m := c.Moves; m != nil {
				median, tail = number(m.Latency.P(50)), number(m.Latency.P(99))
			}
			if c.Memory != nil && c.Start.Over == 0 {
				memory = mebibytes(c.Memory.Resident)
			}
			t.add(c.Proxy, size.String(), settled(c.Start), number(c.Start.CPU), median, tail, memory)
		}
	}
	met, missed := 0, 0
	for _, target := range r.Targets() {
		switch target.Verdict {
		case figures.Met:
			met++
		case figures.Missed:
			missed++
		}
	}
	return fmt.Sprintf("\n%s\n%s\nOf its targets %d are met and %d missed: [docs/bench](docs/bench/README.md) has all figures, charts, and how they are measured.\n",
		t, caveat(r), met, missed)
}
