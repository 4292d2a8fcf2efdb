//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestTable(t *testing.T) {
	got := table{{"from", "who answers"}, {"p4", "p1 p2"}, {"outside", "nobody"}, {"é", ""}}.String()
	want := `
from     who answers
-------  -----------
p4       p1 p2
outside  nobody
é
`
	if got != want[1:] {
		t.Errorf("got\n%s", got)
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"", 10, "\n"},
		{"one two", 7, "one two\n"},
		{"one two", 6, "one\ntwo\n"},
		{"a  b\nc", 9, "a b c\n"},
		{"äöü üöä", 7, "äöü üöä\n"},
		{"wider-than-that a", 5, "wider-than-that\na\n"},
	} {
		if got := wrapped(c.text, c.most); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestHanging(t *testing.T) {
	line := "kube-ipvs0       DOWN           fd00:10:96::11/128 fd00:10:96::12/128 fd00:10:96::13/128 10.96.0.10/32 \n"
	want := "kube-ipvs0       DOWN           fd00:10:96::11/128 fd00:10:96::12/128 fd00:10:96::13/128\n" +
		"                                10.96.0.10/32\n"
	if got := hanging(line); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := hanging("kube-ipvs0 DOWN\n"); got != "kube-ipvs0 DOWN\n" {
		t.Errorf("without addresses: %q", got)
	}
}

func TestPage(t *testing.T) {
	var b bytes.Buffer
	p := &page{w: &b}
	p.step("First", strings.Repeat("word ", 30))
	p.block("a  \n\nb")
	p.title("Last")
	long := strings.TrimSpace(strings.Repeat("word ", 19))
	want := "1. First\n\n   " + long + "\n   " + strings.TrimSpace(strings.Repeat("word ", 11)) + "\n\n   a\n\n   b\n\nLast\n\n"
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	for line := range strings.Lines(b.String() + picture) {
		if n := utf8.RuneCountInString(line) - 1; n > width {
			t.Errorf("%d wide: %s", n, line)
		}
	}
}

func TestColourIsForTerminals(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if newPage(f).bold {
		t.Error("a file is taken for a terminal")
	}
	var b bytes.Buffer
	(&page{w: &b, bold: true}).title("x")
	if b.String() != "\x1b[1mx\x1b[0m\n\n" {
		t.Errorf("title: %q", b.String())
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"nobody":          shares(nil),
		"p1 3":            shares(map[string]int{"p1": 3}),
		"p1 p2, 15 each":  shares(map[string]int{"p2": 15, "p1": 15}),
		"p1 16, p2 14":    shares(map[string]int{"p1": 16, "p2": 14}),
		"31 ms":           short(31*time.Millisecond + 900*time.Microsecond),
		"4.3 s":           short(4321 * time.Millisecond),
		"A":               names([]chain{{name: "A"}}),
		"A and B":         names([]chain{{name: "A"}, {name: "B"}}),
		"192.0.2.1 ::1":   keys(map[string]int{"192.0.2.1": 1, "::1": 2}),
		"A, B and C":      names([]chain{{name: "A"}, {name: "B"}, {name: "C"}}),
		"web-np NodePort": front{service: "web-np", way: "NodePort"}.String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
