package chart

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Bars is a chart.
type Bars struct {
	Title  string
	Note   string // below the title
	Unit   string // of all values
	Series []string
	Groups []Group
}

// Group is a place on the axis with one bar for each series.
type Group struct {
	Name string
	Bars []Bar
}

// Bar is a value, and another one that the bar reaches up to in a paler colour.
// A bar with neither is left out. Label is what stands on top, in one or several lines.
type Bar struct {
	Value, Upto float64
	Label       string
}

const (
	width     = 960
	height    = 430
	left      = 70
	right     = 20
	top       = 112
	bottom    = 52
	groupGap  = 26.0
	plotRight = width - right
	plotFoot  = height - bottom
)

// colours are told apart also by those who see few, on white and on black.
var colours = []string{"#0072b2", "#e69f00", "#999999", "#009e73"}

// SVG is the chart as a file.
func (c Bars) SVG() string {
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">`,
		width, height, width, height)
	line(`<rect width="%d" height="%d" fill="#ffffff"/>`, width, height)
	line(`<text x="%d" y="26" font-size="17" font-weight="bold" fill="#222222">%s</text>`, left, html.EscapeString(c.Title))
	line(`<text x="%d" y="46" fill="#555555">%s</text>`, left, html.EscapeString(c.Note))
	c.legend(line)
	low, high := c.decades()
	y := func(value float64) float64 {
		share := (math.Log10(value) - low) / (high - low)
		return plotFoot - min(max(share, 0), 1)*(plotFoot-top)
	}
	for d := low; d <= high; d++ {
		at := y(math.Pow(10, d))
		line(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`, left, at, plotRight, at)
		line(`<text x="%d" y="%.1f" text-anchor="end" fill="#555555">%s</text>`, left-8, at+4, plain(math.Pow(10, d)))
	}
	line(`<text x="%d" y="%d" text-anchor="end" fill="#555555">%s</text>`, left-8, top-14, html.EscapeString(c.Unit))
	c.bars(line, y)
	line(`</svg>`)
	return b.String()
}

func (c Bars) legend(line func(string, ...any)) {
	x := float64(left)
	for i, name := range c.Series {
		line(`<rect x="%.0f" y="58" width="12" height="12" fill="%s"/>`, x, colours[i%len(colours)])
		line(`<text x="%.0f" y="69" fill="#222222">%s</text>`, x+18, html.EscapeString(name))
		x += 40 + 7.5*float64(len(name))
	}
}

func (c Bars) bars(line func(string, ...any), y func(float64) float64) {
	wide := (float64(plotRight-left) - groupGap*float64(len(c.Groups))) / float64(max(1, len(c.Groups)))
	for g, group := range c.Groups {
		x := left + groupGap/2 + float64(g)*(wide+groupGap)
		line(`<text x="%.1f" y="%d" text-anchor="middle" fill="#222222">%s</text>`, x+wide/2, plotFoot+20, html.EscapeString(group.Name))
		bar := min(wide/float64(max(1, len(c.Series))), 70)
		x += (wide - bar*float64(len(c.Series))) / 2
		for i, v := range group.Bars {
			c.bar(line, y, x+float64(i)*bar, bar, v, colours[i%len(colours)])
		}
	}
	line(`<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#222222"/>`, left, plotFoot, plotRight, plotFoot)
}

func (c Bars) bar(line func(string, ...any), y func(float64) float64, x, wide float64, v Bar, colour string) {
	if v.Value <= 0 && v.Upto <= 0 {
		return
	}
	for _, part := range []struct{ value, opacity float64 }{{max(v.Upto, v.Value), 0.4}, {v.Value, 1}} {
		if part.value > 0 {
			at := y(part.value)
			line(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s" fill-opacity="%.1f"/>`,
				x+2, at, wide-4, plotFoot-at, colour, part.opacity)
		}
	}
	labels := strings.Split(v.Label, "\n")
	for i, label := range labels {
		line(`<text x="%.1f" y="%.1f" text-anchor="middle" font-size="11" fill="#222222">%s</text>`,
			x+wide/2, y(max(v.Upto, v.Value))-5-float64(12*(len(labels)-1-i)), html.EscapeString(label))
	}
}

// decades are the powers of ten that enclose all values.
func (c Bars) decades() (low, high float64) {
	least, most := math.Inf(1), math.Inf(-1)
	for _, g := range c.Groups {
		for _, v := range g.Bars {
			for _, value := range []float64{v.Value, v.Upto} {
				if value > 0 {
					least, most = min(least, value), max(most, value)
				}
			}
		}
	}
	if math.IsInf(least, 1) {
		return 0, 1
	}
	low = math.Floor(math.Log10(least))
	if math.Pow(10, low) == least {
		low-- // a bar of no height is no bar
	}
	return low, max(math.Ceil(math.Log10(most)), low+1)
}

// plain is 0.01, 10, 1000.
func plain(x float64) string { return fmt.Sprintf("%.12g", x) }
