//go:build linux

package harness

import (
	"fmt"
	"strings"
	"testing"
)

func TestLog(t *testing.T) {
	var l Log
	fmt.Fprint(&l, "one ")
	said := l.Len()
	fmt.Fprint(&l, "two")
	if l.String() != "one two" || l.Since(said) != "two" || l.LastWords() != "one two" {
		t.Errorf("%q, since %d: %q, last words: %q", l.String(), said, l.Since(said), l.LastWords())
	}
	fmt.Fprint(&l, strings.Repeat(" three", lastWords))
	if got := l.LastWords(); len(got) != lastWords || !strings.HasSuffix(got, " three") {
		t.Errorf("%d last words, want %d bytes", len(got), lastWords)
	}
}
