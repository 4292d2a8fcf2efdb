package adminsocket

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// What a daemon says as it is stays as it is; what would be obeyed by a terminal
// is read as letters.
func TestWhatIsAnsweredCanBePrinted(t *testing.T) {
	for said, want := range map[string]string{
		`plain <b> & "quoted" \ back`: `plain <b> & "quoted" \ back`,
		"Größe, 大きさ":                  "Größe, 大きさ",
		"clear \x1b[2J\x07":           `clear \u001b[2J\u0007`,
		"two\nlines\tand a tab":       `two\u000alines\u0009and a tab`,
		"C1 \u009b31m, turned \u202e": `C1 \u009b31m, turned \u202e`,
		"delete \x7f":                 `delete \u007f`,
		`already \u001b`:              `already \u001b`,
	} {
		text, err := json.Marshal(snapshot.Daemon{Node: said, Remarks: []string{said}})
		if err != nil {
			t.Fatal(err)
		}
		var got snapshot.Daemon
		if err := json.Unmarshal(printable(text), &got); err != nil {
			t.Errorf("%q: %v", said, err)
		}
		if diff := cmp.Diff(snapshot.Daemon{Node: want, Remarks: []string{want}}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", said, diff)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[2J", `{"node":"x","remarks":["\u001b"]}`)
	f.Add(`\`, `{"a\"\\u001b":"\ud83d\ude00"}`)
	f.Add("\u2028", "{\"\x9b\": [1, 2.5e3, null]}")
	f.Fuzz(func(t *testing.T, said, text string) {
		var before, after any
		if quoted, err := json.Marshal(said); err != nil || !allPrintable(string(printable(quoted))) {
			t.Errorf("%q is %s", said, printable(quoted))
		}
		if json.Unmarshal([]byte(text), &before) != nil {
			return
		}
		if err := json.Unmarshal(printable([]byte(text)), &after); err != nil {
			t.Errorf("%q was JSON, and %q is not: %v", text, printable([]byte(text)), err)
		}
		eachText(after, func(s string) {
			if !allPrintable(s) {
				t.Errorf("%q says %q", text, s)
			}
		})
	})
}

func allPrintable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func eachText(v any, do func(string)) {
	switch v := v.(type) {
	case string:
		do(v)
	case []any:
		for _, e := range v {
			eachText(e, do)
		}
	case map[string]any:
		for k, e := range v {
			do(k)
			eachText(e, do)
		}
	}
}
