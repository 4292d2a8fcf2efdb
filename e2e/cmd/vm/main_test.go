package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	share := filepath.Join(t.TempDir(), "a/b")
	opts, err := parse([]string{"-kernel=vm", "-timeout=3s", "-share", share, "--", "sh", "-c", "exit 1"})
	if err != nil {
		t.Fatal(err)
	}
	if opts.kernel != "vm" || opts.timeout != 3*time.Second || opts.share != share || len(opts.command) != 3 {
		t.Errorf("parse = %+v", opts)
	}
	if _, err := os.Stat(share); err != nil {
		t.Error("the share is not made:", err)
	}
}

func TestParseBad(t *testing.T) {
	for want, args := range map[string][]string{
		"no command": {"-kernel=vm", "--"},
		"-nonsense":  {"-nonsense", "--", "true"},

		"-kernel=5.4: want auto, own, vm, 5.10, 6.1, 6.12, 7.2 or newest":       {"-kernel=5.4", "--", "true"},
		"-iptables=1.8.8: want 1.8.7, 1.8.9, 1.8.11, 1.8.13 or newest, or some": {"-iptables=1.8.7,1.8.8", "--", "true"},
		"-backend=ebtables: want nft or legacy":                                 {"-backend=ebtables", "--", "true"},
	} {
		if _, err := parse(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v, want an error with %q", args, err, want)
		}
	}
}

func TestStatus(t *testing.T) {
	var started int
	s := status{started: func() { started++ }}
	steps := []struct {
		text    string
		started int
		exited  bool
	}{
		{"star", 0, false},
		{"ted\nex", 1, false},
		{"it 13", 1, false},
		{"7", 1, false},
		{"\n", 1, true},
	}
	for _, step := range steps {
		if n, err := s.Write([]byte(step.text)); n != len(step.text) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		if started != step.started || s.exited != step.exited {
			t.Errorf("after %q: started %d times, exited %v", step.text, started, s.exited)
		}
	}
	if s.code != 137 {
		t.Errorf("exit code %d, want 137", s.code)
	}
}
