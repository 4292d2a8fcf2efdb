// Command report runs test binaries on this machine's kernel, one after the
// other in the folders they were built from, and closes with one list of what
// was shown on which kernel. A test that was skipped has shown nothing: it
// counts as a failure.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	run := flag.String("run", "", "only tests that match this `regexp`, as of go test -run")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: report [-run REGEXP] FOLDER:NAME...   runs NAME.test, beside this program, in FOLDER")
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	here, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	all := results{}
	for _, arg := range flag.Args() {
		folder, name, _ := strings.Cut(arg, ":")
		if err := all.run(filepath.Join(filepath.Dir(here), name+".test"), folder, *run); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			all.failed = append(all.failed, name)
		}
	}
	all.print(os.Stdout)
	if len(all.failed)+len(all.skipped) > 0 || len(all.passed) == 0 {
		os.Exit(1)
	}
}

// results are the names of tests by how they ended.
type results struct{ passed, failed, skipped []string }

func (r *results) run(binary, folder, only string) error {
	fmt.Printf("\n=== %s\n", folder)
	cmd := exec.Command(binary, "-test.v", "-test.timeout=50m", "-test.failfast=false", "-test.run="+only)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", binary, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", binary, err)
	}
	before := len(r.failed)
	r.read(out, folder)
	if err := cmd.Wait(); err != nil && len(r.failed) == before {
		return fmt.Errorf("%s: %w", binary, errors.Join(err, errors.New("and no test says why")))
	}
	return nil
}

// read passes the output of a test binary on and notes how each test ended.
func (r *results) read(out io.Reader, folder string) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		verdict, name, ok := verdict(line)
		if !strings.HasPrefix(strings.TrimSpace(line), "=== ") {
			fmt.Println(line)
		}
		if !ok {
			continue
		}
		name = folder + ": " + name
		switch verdict {
		case "PASS":
			r.passed = append(r.passed, name)
		case "FAIL":
			r.failed = append(r.failed, name)
		case "SKIP":
			r.skipped = append(r.skipped, name)
		}
	}
}

// verdict reads a line such as "    --- PASS: TestX/case_one (0.01s)".
func verdict(line string) (verdict, name string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "--- ")
	if !ok {
		return "", "", false
	}
	verdict, rest, ok = strings.Cut(rest, ": ")
	name, _, _ = strings.Cut(rest, " ")
	return verdict, strings.ReplaceAll(name, "_", " "), ok
}

func (r *results) print(w io.Writer) {
	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		fmt.Fprintf(w, "\nOn Linux %s:\n", unix.ByteSliceToString(name.Release[:]))
	}
	for _, group := range []struct {
		word  string
		names []string
	}{{"ok", r.passed}, {"FAILED", r.failed}, {"SKIPPED", r.skipped}} {
		for _, n := range group.names {
			fmt.Fprintf(w, "  %-8s%s\n", group.word, n)
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", len(r.passed), len(r.failed), len(r.skipped))
}
