package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// readArchive lists an archive as the kernel would read it.
func readArchive(t *testing.T, data []byte) string {
	t.Helper()
	var b strings.Builder
	align := func(n int) int { return (n + 3) / 4 * 4 }
	for at := 0; ; {
		header := string(data[at : at+110])
		field := func(i int) int {
			n, err := strconv.ParseInt(header[6+8*i:14+8*i], 16, 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		if header[:6] != "070701" {
			t.Fatalf("at %d: magic %q", at, header[:6])
		}
		name := string(data[at+110 : at+110+field(11)-1])
		if name == "TRAILER!!!" {
			return b.String()
		}
		from := at + align(110+field(11))
		fmt.Fprintf(&b, "%o %s %q\n", field(1), name, data[from:from+field(6)])
		at = from + align(field(6))
	}
}

func TestArchive(t *testing.T) {
	var a archive
	a.folder("bin")
	a.file("bin/a", []byte("12345"))
	a.file("init", []byte("1234"))
	a.file("empty", nil)
	want := `40755 bin ""
100755 bin/a "12345"
100755 init "1234"
100755 empty ""
`
	data := a.bytes()
	if got := readArchive(t, data); got != want {
		t.Errorf("archive:\n%s\nwant:\n%s", got, want)
	}
	if len(data)%4 != 0 {
		t.Errorf("archive has %d bytes, want a multiple of 4", len(data))
	}
}
