package page

import (
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/chart"
	"github.com/kube-ipvs/kube-ipvs/e2e/cmd/bench/figures"
)

// proxies are the series of all charts.
var proxies = []string{figures.KubeIPVS, figures.NFTables, figures.IPVS}

// note is the line below the title.
func note(r figures.Run) string {
	if r.Emulated() {
		return "logarithmic scale; an emulated machine: compare bars, not with other machines"
	}
	return "logarithmic scale"
}

// Charts are the files that the page shows, by name.
func Charts(r figures.Run) map[string]string {
	return map[string]string{
		"start.svg": bySize(r, "Cold start: first answer (full), settled (pale)", "s", func(c figures.Cell) chart.Bar {
			if c.Start == nil {
				return chart.Bar{}
			}
			if c.Start.Over > 0 {
				return chart.Bar{Value: c.Start.First, Upto: c.Start.Over, Label: settled(c.Start)}
			}
			return chart.Bar{Value: c.Start.First, Upto: c.Start.Settled, Label: settled(c.Start)}
		}),
		"moves.svg": bySize(r, "One endpoint moved: p50 (full), p99 (pale)", "ms", func(c figures.Cell) chart.Bar {
			if c.Moves == nil {
				return chart.Bar{}
			}
			return spread(c.Moves.Latency)
		}),
		"memory.svg": bySize(r, "Memory once settled", "MiB", func(c figures.Cell) chart.Bar {
			if c.Memory == nil {
				return chart.Bar{}
			}
			return chart.Bar{Value: float64(c.Memory.Resident) / (1 << 20), Label: mebibytes(c.Memory.Resident)}
		}),
		"churn.svg": churnChart(r),
	}
}

func spread(s figures.Samples) chart.Bar {
	return chart.Bar{Value: s.P(50), Upto: s.P(99), Label: fmt.Sprintf("%s\n%s", number(s.P(50)), number(s.P(99)))}
}

// bySize has a group for each size and a bar for each proxy.
func bySize(r figures.Run, title, unit string, bar func(figures.Cell) chart.Bar) string {
	c := chart.Bars{Title: title, Note: note(r), Unit: unit, Series: proxies}
	for _, size := range r.Sizes() {
		g := chart.Group{Name: size.String()}
		for _, proxy := range proxies {
			cell, _ := r.Cell(proxy, size)
			g.Bars = append(g.Bars, bar(cell))
		}
		c.Groups = append(c.Groups, g)
	}
	return c.SVG()
}

// churnChart has a group for each size and rate that a proxy was measured at.
func churnChart(r figures.Run) string {
	c := chart.Bars{Title: "A probe during churn: p50 (full), p99 (pale)", Note: note(r), Unit: "ms", Series: proxies}
	for _, size := range r.Sizes() {
		for _, rate := range rates(r, size) {
			g := chart.Group{Name: fmt.Sprintf("%s, %d/s", size, rate)}
			for _, proxy := range proxies {
				cell, _ := r.Cell(proxy, size)
				bar := chart.Bar{}
				if ch, ok := cell.Churn(rate); ok {
					bar = spread(ch.Latency)
				}
				g.Bars = append(g.Bars, bar)
			}
			c.Groups = append(c.Groups, g)
		}
	}
	return c.SVG()
}

// rates are those of a size, in the order of measuring.
func rates(r figures.Run, size figures.Size) []int {
	var all []int
	seen := map[int]bool{}
	for _, proxy := range proxies {
		cell, _ := r.Cell(proxy, size)
		for _, ch := range cell.Churns {
			if !seen[ch.Rate] {
				seen[ch.Rate] = true
				all = append(all, ch.Rate)
			}
		}
	}
	return all
}
