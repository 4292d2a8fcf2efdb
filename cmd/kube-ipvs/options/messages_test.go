package options

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/goldentest"
)

// TestMessages shows what users read. Each *.yaml in testdata/messages is a
// configuration file; its first line is a comment with the arguments, or
// begins with none.
func TestMessages(t *testing.T) {
	t.Chdir("testdata/messages")
	cases, err := filepath.Glob("*.yaml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("cases: %q, %v", cases, err)
	}
	var all strings.Builder
	for _, name := range cases {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		tell(&all, append(strings.Fields(strings.TrimPrefix(first, "#")), "--config", name))
	}
	goldentest.File(t, "files.txt", all.String())

	lines, err := os.ReadFile("arguments")
	if err != nil {
		t.Fatal(err)
	}
	all.Reset()
	for line := range strings.Lines(string(lines)) {
		tell(&all, strings.Fields(line))
	}
	goldentest.File(t, "arguments.txt", all.String())
}

// tell writes what a user reads who gives these arguments.
func tell(to *strings.Builder, args []string) {
	o, err := Parse(args, hostname)
	fmt.Fprintf(to, "$ kube-ipvs %s\n", strings.Join(args, " "))
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(to, "error: %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	for _, w := range o.Warnings {
		fmt.Fprintf(to, "warning: %s\n", w)
	}
	to.WriteString("\n")
}

func TestAHostWithoutNameNeedsTheFlag(t *testing.T) {
	for _, c := range []struct {
		host func() (string, error)
		want string
	}{
		{func() (string, error) { return " ", nil }, "host name: empty; give --hostname-override"},
		{func() (string, error) { return "", errors.New("no luck") }, "host name: no luck; give --hostname-override"},
	} {
		if _, err := Parse(nil, c.host); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if o, err := Parse([]string{"cleanup"}, func() (string, error) { return "", errors.New("no luck") }); err != nil || o.Verb != Cleanup {
		t.Errorf("cleanup: %v", err)
	}
	if _, err := Parse([]string{"--hostname-override", " "}, hostname); err == nil || err.Error() != `--hostname-override " ": must not be blank` {
		t.Errorf("blank: %v", err)
	}
}

func TestAWrongMasqueradeBitDoesNotSpoilCleanup(t *testing.T) {
	if o := mustParse(t, "cleanup", "--iptables-masquerade-bit=-1"); o.Kernel.Rules.Mark != 1<<14 {
		t.Errorf("masquerade mark %#x", o.Kernel.Rules.Mark)
	}
}
