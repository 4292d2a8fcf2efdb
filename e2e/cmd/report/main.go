//go:build linux

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

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/e2e/testlog"
)

func main() {
	only := flag.String("run", "", "only tests that match this `regexp`, as of go test -run")
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
	all := testlog.Report{Kernel: lab.KernelRelease()}
	for _, arg := range flag.Args() {
		folder, name, _ := strings.Cut(arg, ":")
		if err := run(&all, filepath.Join(filepath.Dir(here), name+".test"), folder, *only); err != nil {
			fmt.Fprintln(os.Stderr, "report:", err)
			all.Results = append(all.Results, testlog.Result{Package: folder, Test: name + ".test", Verdict: testlog.Failed})
		}
	}
	if err := all.Write(os.Stdout); err != nil || all.Count(testlog.Passed) != len(all.Results) || len(all.Results) == 0 {
		os.Exit(1)
	}
}

// run runs a binary in its folder and adds what became of its tests.
func run(all *testlog.Report, binary, folder, only string) error {
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
	before := all.Count(testlog.Failed)
	read(all, out, os.Stdout, folder)
	if err := cmd.Wait(); err != nil && all.Count(testlog.Failed) == before {
		return fmt.Errorf("%s: %w", binary, errors.Join(err, errors.New("and no test says why")))
	}
	return nil
}

// read passes the output of a test binary on and notes how each test ended.
func read(all *testlog.Report, from io.Reader, to io.Writer, folder string) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if !testlog.Progress(line) {
			fmt.Fprintln(to, line)
		}
		if result, ok := testlog.Line(line); ok {
			result.Package = folder
			all.Results = append(all.Results, result)
		}
	}
}
