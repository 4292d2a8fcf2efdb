package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Style is how text looks.
type Style struct{ Colour bool }

// colours are those of each Level on a terminal.
var colours = map[Level]string{Fine: "32", Warning: "33", Error: "31"}

// in shows a text in the colour of a level.
func (s Style) in(l Level, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colours[l] + "m" + text + "\x1b[0m"
}

// table is text in aligned columns.
type table struct {
	rows [][]string
	wide int // the most cells of any row
}

func (t *table) row(cells ...any) {
	var texts []string
	for _, c := range cells {
		texts = append(texts, fmt.Sprint(c))
	}
	t.rows = append(t.rows, texts)
	t.wide = max(t.wide, len(texts))
}

// String has no spaces at the ends of lines.
func (t *table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range t.rows {
		// A column ends where a row lacks its cell.
		missing := strings.Repeat("\t", t.wide-len(r))
		_, _ = io.WriteString(w, strings.Join(r, "\t")+missing+"\t\n") // a Builder takes everything
	}
	_ = w.Flush()
	var trimmed strings.Builder
	for line := range strings.Lines(b.String()) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return trimmed.String()
}

// count is "1 row" or "3 rows".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
