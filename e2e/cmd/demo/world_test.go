//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lines is fronts as text: where, what, who, and how its client looks.
func lines(fronts []front) string {
	var b strings.Builder
	for _, f := range fronts {
		mark := " "
		if f.chief {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %s %s %v", mark, f, f.at, f.pods)
		if f.local {
			b.WriteString(" local")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// What the YAML files of this folder ask for.
func TestFrontends(t *testing.T) {
	w, err := readWorld(".")
	if err != nil {
		t.Fatal(err)
	}
	want := `
* web ClusterIP 10.96.0.10:80 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000]
* web ClusterIP [fd00:10:96::10]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:2::1]:8000]
  web-np ClusterIP 10.96.0.11:80 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000]
  web-np ClusterIP [fd00:10:96::11]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:2::1]:8000]
* web-np NodePort 192.0.2.1:30080 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000]
* web-np NodePort [2001:db8:0:2::1]:30080 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:2::1]:8000]
  web-lb ClusterIP 10.96.0.12:80 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000]
  web-lb ClusterIP [fd00:10:96::12]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:2::1]:8000]
* web-lb LoadBalancer 198.51.100.10:80 [10.244.1.1:8000 10.244.1.2:8000] local
  web-lb inside 246.51.100.10:80 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000]
* web-lb LoadBalancer [2001:db8:51::10]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000] local
  web-lb inside [fdff:db8:51::10]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:2::1]:8000]
`
	if got := lines(w.fronts()); got != want[1:] {
		t.Errorf("got\n%s", got)
	}
	if n := len(w.objects()); n != 1+3+6 {
		t.Errorf("%d objects", n)
	}
}

func TestGrown(t *testing.T) {
	w, err := readWorld(".")
	if err != nil {
		t.Fatal(err)
	}
	before := lines(w.fronts())
	more := []endpoint{
		{netip.MustParseAddr("10.244.1.3"), "node"},
		{netip.MustParseAddr("fd00:10:244:1::3"), "node"},
		{netip.MustParseAddr("10.244.2.2"), "node2"},
		{netip.MustParseAddr("fd00:10:244:2::2"), "node2"},
	}
	got := lines(w.grown(more).fronts())
	for _, want := range []string{
		"* web ClusterIP 10.96.0.10:80 [10.244.1.1:8000 10.244.1.2:8000 10.244.2.1:8000 10.244.1.3:8000 10.244.2.2:8000]\n",
		"* web-lb LoadBalancer [2001:db8:51::10]:80 [[fd00:10:244:1::1]:8000 [fd00:10:244:1::2]:8000 [fd00:10:244:1::3]:8000] local\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swithout\n%s", got, want)
		}
	}
	if lines(w.fronts()) != before {
		t.Error("the world before has changed")
	}
}

func TestWorldsThatAreRefused(t *testing.T) {
	const node = "kind: Node\napiVersion: v1\nmetadata: {name: node}\n---\n"
	for text, want := range map[string]string{
		"":                                 "no Node",
		node:                               "no Service",
		"{kind: Pod, apiVersion: v1}":      "not a Node",
		node + "kind: [":                   "x.yaml",
		"{kind: Service, spec: {ports: 1}": "x.yaml",
		"{kind: EndpointSlice, apiVersion: discovery.k8s.io/v1, metadata: {name: s}}": "EndpointSlice s",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "x.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readWorld(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A rule cannot be loaded before the counter that it counts with.
func TestEveryAccountOfTheOldRulesIsKnown(t *testing.T) {
	rules := strings.Count(leftovers, "--nfacct-name")
	if found := len(account.FindAllString(leftovers, -1)); rules == 0 || found != rules {
		t.Errorf("%d of %d accounts are found", found, rules)
	}
}
