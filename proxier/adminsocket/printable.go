package adminsocket

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// printable is a JSON text whose strings, once read, move no cursor and colour
// nothing: what cannot be printed stands there as \u001b does, in letters. What
// is asked may be any program, and what it says is shown on a terminal.
func printable(text []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(text))
	for inside := false; len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		escape := inside && r == '\\'
		if escape {
			r, size = escaped(text)
		}
		switch {
		case r == '"' && !escape:
			inside = !inside
			b.WriteByte('"')
		case !inside || strconv.IsPrint(r) && r != utf8.RuneError:
			b.Write(text[:size])
		default:
			fmt.Fprintf(&b, `\\u%04x`, r)
		}
		text = text[size:]
	}
	return b.Bytes()
}

// escaped is the character for which an escape sequence stands, and how long that
// is. Of a pair of surrogates each half is one that cannot be printed.
func escaped(text []byte) (r rune, size int) {
	if len(text) < 2 {
		return utf8.RuneError, len(text)
	}
	switch text[1] {
	case 'b', 'f', 'n', 'r', 't':
		return rune("\b\f\n\r\t"[bytes.IndexByte([]byte("bfnrt"), text[1])]), 2
	case 'u':
		if len(text) < 6 {
			return utf8.RuneError, len(text)
		}
		code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
		if err != nil {
			return utf8.RuneError, 2
		}
		return rune(code), 6
	}
	return rune(text[1]), 2
}

// line is one line of text in the same way.
func line(text string) string {
	quoted := strconv.Quote(text)
	return quoted[1 : len(quoted)-1]
}
