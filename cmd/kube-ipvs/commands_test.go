package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra/doc"

	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/inspect"
	"github.com/kube-ipvs/kube-ipvs/cmd/kube-ipvs/options"
)

// ask runs the command line args as main does.
func ask(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var said bytes.Buffer
	root := newRoot()
	root.SetOut(&said)
	root.SetErr(&said)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return said.String(), err
}

func TestExitCodes(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	for _, c := range []struct {
		args string
		want int
	}{
		{"--help", 0},
		{"help", 0},
		{"--version", 0},
		{"--version=raw", 0},
		{"--masquerade-all --write-config-to " + config, 0},
		{"--write-config-to " + config + "/none", 1},
		{"--nonsense", 2},
		{"nonsense", 2},
		{"--ipvs-sync-period=-1s", 2},
		{"--config=absent", 2},
		{"cleanup --nonsense", 2},
		{"init now", 2},
		{"init --ipvs-sync-period=-1s", 2},
	} {
		_, err := ask(t, strings.Fields(c.args)...)
		if got := exitCode(err); got != c.want {
			t.Errorf("%s: exit code %d (%v), want %d", c.args, got, err, c.want)
		}
	}
	if got := exitCode(inspect.ErrFound); got != 1 {
		t.Errorf("found something: exit code %d", got)
	}
}

func mustParse(t *testing.T, args ...string) options.Options {
	t.Helper()
	o, err := options.Parse(args, func() (string, error) { return "node-1", nil })
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return o
}

// Cobra must not take for a verb what is a flag's value.
func TestAFlagsValueIsNoVerb(t *testing.T) {
	out, err := ask(t, "--hostname-override", "cleanup", "--version")
	if err != nil || out != "kube-ipvs unreleased\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestCompletion(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"--ipvs-str", "--ipvs-strict-arp\t"},
		{"cleanup --ipvs-ex", "--ipvs-exclude-cidrs\t"},
		{"clean", "cleanup\t"},
	} {
		out, err := ask(t, append([]string{"__complete"}, strings.Fields(c.args)...)...)
		if err != nil || !strings.HasPrefix(out, c.want) {
			t.Errorf("%s: %q, %v", c.args, out, err)
		}
	}
}

var manDir = flag.String("man", "", "write the man pages into this directory")

// TestManPages writes a page for each verb; `make man` keeps them.
func TestManPages(t *testing.T) {
	dir := *manDir
	if dir == "" {
		dir = t.TempDir()
	}
	root := newRoot()
	root.DisableAutoGenTag = true
	if err := doc.GenManTree(root, &doc.GenManHeader{Title: "KUBE-IPVS", Section: "8"}, dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(root.Commands(), root) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".8"
		text, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) && !c.IsAvailableCommand() {
			continue
		}
		if err != nil || !strings.Contains(string(text), c.Short) {
			t.Errorf("%s: %v, %d bytes", name, err, len(text))
		}
	}
}

// What is asked for goes to standard output, for scripts to read.
func TestAnswersGoToStandardOutput(t *testing.T) {
	for _, c := range append(newRoot().Commands(), newRoot()) {
		if c.OutOrStderr() != os.Stdout {
			t.Errorf("%s does not print to standard output", c.Name())
		}
	}
}
