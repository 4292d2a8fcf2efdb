//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const (
	width  = 100
	indent = 3
)

// page is what the reader sees. A line that cannot be written is lost: no one
// reads it then.
type page struct {
	w     io.Writer
	bold  bool // the reader is a terminal
	steps int
}

func newPage(f *os.File) *page {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return &page{w: f, bold: err == nil && os.Getenv("NO_COLOR") == ""}
}

// step opens a chapter and says what is about to be shown.
func (p *page) step(title, sentence string) {
	p.steps++
	p.title(fmt.Sprintf("%d. %s", p.steps, title))
	p.say("%s", sentence)
}

// title is a line that stands out.
func (p *page) title(text string) {
	text = strings.TrimSuffix(wrapped(text, width), "\n")
	if p.bold {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	_, _ = fmt.Fprintf(p.w, "%s\n\n", text)
}

// say is a paragraph.
func (p *page) say(format string, args ...any) {
	p.block(wrapped(fmt.Sprintf(format, args...), width-indent))
}

// block is shown as it is.
func (p *page) block(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if line != "" {
			line = strings.Repeat(" ", indent) + line
		}
		_, _ = fmt.Fprintln(p.w, line)
	}
	_, _ = fmt.Fprintln(p.w)
}

// wrapped breaks text between words where lines would be wider than max.
func wrapped(text string, most int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+n > most:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String() + "\n"
}

// hanging breaks a line of `ip -br addr` and puts the rest of the addresses
// below the first of them.
func hanging(line string) string {
	const first = 32
	if len(line) <= first {
		return line
	}
	rest := wrapped(line[first:], width-indent-first)
	return line[:first] + strings.ReplaceAll(strings.TrimSuffix(rest, "\n"), "\n", "\n"+strings.Repeat(" ", first)) + "\n"
}

// table is text in columns under a head.
type table [][]string

// String puts two spaces between the columns and a rule under the head.
func (t table) String() string {
	var widths []int
	for _, row := range t {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var rule []string
	for _, w := range widths {
		rule = append(rule, strings.Repeat("-", w))
	}
	var b strings.Builder
	line := func(row []string) {
		text := ""
		for i, cell := range row {
			text += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	for i, row := range t {
		line(row)
		if i == 0 {
			line(rule)
		}
	}
	return b.String()
}
