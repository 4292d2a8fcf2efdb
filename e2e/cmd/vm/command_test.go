package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

func TestEnvironment(t *testing.T) {
	got := environment([]string{
		"HOME=/home/someone", "E2E_SEED=1=2", "NOT_E2E_SEED=1", "E2E_HOST=elsewhere", "PATH=/opt/go/bin:/usr/bin", "GOFLAGS=-x",
	}, "10.0.2.2")
	want := []string{
		"HOME=/root", "E2E_SEED=1=2", "E2E_HOST=10.0.2.2",
		"PATH=/opt/go/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("environment:\n got %q\nwant %q", got, want)
	}
}

// The script goes through a real shell, so that nothing of the arguments can get lost on the way.
func TestCommandScript(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's $HOME")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"", "a b", "'", `"`, "$HOME", "`id`", "\\", "*", "two\nlines", "ü"}
	script := commandScript(dir, []string{"E2E_A=x 'y' $z", "PATH=/usr/bin:/bin"},
		append([]string{"sh", "-c", `pwd; env | sort; for a; do echo "<$a>"; done`, "sh"}, args...))
	out, err := exec.Command("/bin/sh", "-c", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := dir + "\nE2E_A=x 'y' $z\nPATH=/usr/bin:/bin\nPWD=" + dir + "\n<" + strings.Join(args, ">\n<") + ">\n"
	if string(out) != want {
		t.Errorf("command:\n%s\nwant:\n%s", out, want)
	}
}

func TestCommandScriptWithoutFolder(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", commandScript("/no/such/folder", nil, []string{"true"}))
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != child.Broken {
		t.Errorf("working directory that is not there: %v, want exit status %d", err, child.Broken)
	}
}

func TestFoldersScript(t *testing.T) {
	f := folders{
		modules: "/home/me/.cache/lib/modules/6.1.0-1-amd64",
		shown:   []string{"/home/me", "/tmp/go build", "/tmp/go build", "/tmp", "/temporary/x", "/run/x"},
		share:   "/tmp/it's",
	}
	want := `modules '/home/me/.cache/lib/modules/6.1.0-1-amd64'
show '/tmp/go build'
show '/run/x'
share '/tmp/it'\''s'
`
	if got := f.script(); got != want {
		t.Errorf("script:\n%s\nwant:\n%s", got, want)
	}
	f = folders{modules: "/m"}
	if got, want := f.script(), "modules '/m'\n"; got != want {
		t.Errorf("script without a share: %q, want %q", got, want)
	}
}

// Whatever function a generated script calls, guest/init.sh has to have.
func TestGuestScripts(t *testing.T) {
	for name, text := range map[string][]byte{"init.sh": initScript, "inside.sh": insideScript} {
		cmd := exec.Command("/bin/sh", "-n")
		cmd.Stdin = strings.NewReader(string(text))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	all := folders{modules: "/m", shown: []string{"/tmp/x"}, share: "/s"}.script()
	for line := range strings.Lines(all) {
		function, _, _ := strings.Cut(line, " ")
		if !strings.Contains(string(initScript), "\n"+function+"() {") {
			t.Errorf("init.sh has no function %s", function)
		}
	}
}
