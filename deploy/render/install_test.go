package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/strvals"
)

// TestInstallPage has Helm take the values that docs/install.md gives for each distribution, as --set does.
func TestInstallPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	// What the reader fills in is written in capitals.
	filled := strings.NewReplacer("CONTROL-PLANE-ENDPOINT", "k8s.example.com", "CLUSTER", "example.com", "ENDPOINT", "abc.gr7.eu-west-1", "VPC-CIDR", "172.31.0.0/16")
	rows := regexp.MustCompile("(?m)^\\| (\\S+) \\|.*\\| `(apiServer[^`]*)` \\|$").FindAllStringSubmatch(string(page), -1)
	if len(rows) != 9 {
		t.Errorf("%d distributions, want 9", len(rows))
	}
	for _, row := range rows {
		values, err := strvals.Parse(filled.Replace(row[2]))
		if err != nil {
			t.Fatalf("%s: %v", row[1], err)
		}
		for name, render := range helms {
			text, err := render(chart, values)
			if err != nil {
				t.Errorf("%s: %s: %v", row[1], name, err)
			}
			if regexp.MustCompile(`(apiServerHost|clusterCIDR): .*[A-Z]`).MatchString(text) {
				t.Errorf("%s: %s left something open:\n%s", row[1], name, text)
			}
		}
	}
	for _, set := range regexp.MustCompile(`--set (\S+)`).FindAllStringSubmatch(string(page), -1) {
		if _, err := strvals.Parse(strings.Trim(set[1], "`,")); err != nil {
			t.Errorf("--set %s: %v", set[1], err)
		}
	}
}
