package options

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/goldentest"
)

// verdictWords are how the page calls what becomes of a setting.
var verdictWords = map[verdict]string{
	honoured: "honoured", outdated: "honoured, outdated", warned: "accepted, with a warning", quiet: "accepted", rejected: "refused",
}

func TestConfigurationPageIsFresh(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("| flag | field | verdict | what it does, or why nothing comes of it |\n|---|---|---|---|\n")
	code := func(prefix, text string) string {
		if text == "" {
			return ""
		}
		return "`" + prefix + text + "`"
	}
	for _, s := range settings {
		text := s.text
		if s.beside {
			text += " (counts beside a file too)"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", code("--", s.flag), code("", s.field), verdictWords[s.verdict], strings.ReplaceAll(text, "`", ""))
	}
	goldentest.Section(t, "../../../docs/configuration.md", "settings", rows.String())
}
