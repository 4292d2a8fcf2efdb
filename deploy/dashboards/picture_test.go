package dashboards

import (
	"flag"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

var update = flag.Bool("update", false, "write the picture")

const picture = "../../docs/dashboard.svg"

// TestPicture draws each panel of the dashboard from the scrapes, and wants the
// picture in the docs to be that.
func TestPicture(t *testing.T) {
	p := scraped(t)
	const columns, width, height = 3, 400, 190
	var b strings.Builder
	all := board(t)
	rows := (len(all) + columns - 1) / columns
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", columns*width, rows*height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#f4f5f5"/>`+"\n")
	for i, panel := range all {
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", i%columns*width, i/columns*height)
		var lines []line
		for _, target := range panel.Targets {
			lines = append(lines, p.lines(t, target.Expr)...)
		}
		draw(&b, panel.Title, lines)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	if *update {
		if err := os.WriteFile(picture, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if now, err := os.ReadFile(picture); err != nil || string(now) != b.String() {
		t.Errorf("%s is not what the dashboard shows (%v): go test ./dashboards -update", picture, err)
	}
}

// line is one series of a panel, by the time since the first scrape.
type line struct {
	name   string
	points []promql.FPoint
}

func (p prometheus) lines(t *testing.T, q string) (all []line) {
	t.Helper()
	q = topk.ReplaceAllString(q, "(") // which of equals are on top is chance
	query, err := p.engine.NewRangeQuery(t.Context(), p.scrapes, nil, filledIn(q), time.Unix(0, 0), p.last, p.pause)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer query.Close()
	matrix, err := query.Exec(t.Context()).Matrix()
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	for _, series := range matrix {
		var values []string
		series.Metric.Range(func(l labels.Label) {
			if l.Name != model.MetricNameLabel && l.Name != "job" && l.Name != "instance" {
				values = append(values, l.Value)
			}
		})
		all = append(all, line{strings.Join(values, " "), slices.Clone(series.Floats)}) // the engine uses them again
	}
	slices.SortFunc(all, func(a, b line) int { return strings.Compare(a.name, b.name) })
	return all
}

var topk = regexp.MustCompile(`topk\(\d+, `)

// The colours of lines.
var colours = []string{"#3274d9", "#e0752d", "#37872d", "#a352cc", "#c4162a", "#0a8a8a", "#8f6a00", "#5a5a5a"}

// draw is one panel: a title, an axis, a line for each series, and their names.
func draw(b *strings.Builder, title string, lines []line) {
	const left, top, wide, high, named = 52.0, 30.0, 330.0, 110.0, 3
	fmt.Fprintf(b, `<rect x="4" y="4" width="392" height="182" rx="3" fill="#fff" stroke="#dcdee0"/><text x="12" y="20" font-weight="bold">%s</text>`+"\n", html.EscapeString(title))
	most, end := 0.0, int64(1)
	for _, l := range lines {
		for _, at := range l.points {
			if !math.IsNaN(at.F) && !math.IsInf(at.F, 0) {
				most = max(most, at.F)
			}
			end = max(end, at.T)
		}
	}
	fmt.Fprintf(b, `<path d="M%g %gh%gM%g %gh%g" stroke="#dcdee0"/>`, left, top, wide, left, top+high, wide)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end">%s</text><text x="%g" y="%g" text-anchor="end">0</text>`+"\n", left-5, top+4, short(most), left-5, top+high+4)
	if most == 0 {
		most = 1
	}
	for i, l := range lines {
		var path strings.Builder
		verb := "M"
		for _, at := range l.points {
			if math.IsNaN(at.F) || math.IsInf(at.F, 0) {
				verb = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", verb, left+wide*float64(at.T)/float64(end), top+high*(1-at.F/most))
			verb = "L"
		}
		colour := colours[i%len(colours)]
		if path.Len() > 0 {
			fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", path.String(), colour)
		}
		if i < named {
			fmt.Fprintf(b, `<text x="%g" y="%g" fill="%s">%s</text>`+"\n", 12+float64(i)*128, top+high+28, colour, html.EscapeString(cut(l.name)))
		}
	}
	switch {
	case len(lines) == 0:
		fmt.Fprintf(b, `<text x="%g" y="%g" fill="#8e8e8e" text-anchor="middle">nothing to show</text>`+"\n", left+wide/2, top+high/2)
	case len(lines) > named:
		fmt.Fprintf(b, `<text x="12" y="%g" fill="#8e8e8e">and %d more</text>`+"\n", top+high+42, len(lines)-named)
	}
}

// cut makes room for three names.
func cut(name string) string {
	const most = 20
	if len(name) > most {
		return name[:most-1] + "…"
	}
	return name
}

// short writes a number with as few digits as tell enough.
func short(f float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if f >= unit.of {
			return fmt.Sprintf("%.3g%s", f/unit.of, unit.name)
		}
	}
	return fmt.Sprintf("%.3g", f)
}
