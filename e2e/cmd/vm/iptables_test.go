package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestProgramsOfABackend(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "legacy")
	if err := writePrograms(folder, "legacy", func(program, backend string) string {
		return "#!/bin/sh\necho " + program + " of " + backend + " \"$@\"\n"
	}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"iptables":              "iptables of legacy -S",
		"ip6tables-save":        "ip6tables-save of legacy -S",
		"iptables-nft-restore":  "iptables-restore of nft -S",
		"ip6tables-legacy-save": "ip6tables-save of legacy -S",
	} {
		out, err := exec.Command(filepath.Join(folder, name), "-S").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s says %q, %v; want %q", name, out, err, want)
		}
	}
}

// The program of another suite must not even be loaded with this machine's libraries.
func TestOtherProgramHasItsOwnLoader(t *testing.T) {
	root := t.TempDir()
	loader := filepath.Join(root, "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
	script := filepath.Join(root, "iptables")
	for file, text := range map[string]string{
		loader: "#!/bin/sh\necho \"$XTABLES_LIBDIR\" \"$@\"\n",
		script: otherProgram(root, "ip6tables-save", "nft"),
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(script, "-t", "a table").CombinedOutput()
	got := strings.ReplaceAll(strings.TrimSpace(string(out)), root, "ROOT")
	const want = "ROOT/usr/lib/x86_64-linux-gnu/xtables --library-path ROOT/lib/x86_64-linux-gnu:ROOT/usr/lib/x86_64-linux-gnu " +
		"ROOT/usr/sbin/xtables-nft-multi ip6tables-save -t a table"
	if err != nil || got != want {
		t.Errorf("the loader gets\n%s, %v; want\n%s", got, err, want)
	}
}

func TestNothingIsChosenByDefault(t *testing.T) {
	environ := []string{"PATH=/bin", "HOME=/root"}
	c, err := parseIPTables("", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.environ(t.Context(), environ); err != nil || strings.Join(got, " ") != strings.Join(environ, " ") {
		t.Errorf("environ = %q, %v", got, err)
	}
	if got := environment(onPath(environ, "/chosen"), "host"); got[len(got)-1] != "PATH=/chosen:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin" {
		t.Errorf("environment = %q", got)
	}
}
