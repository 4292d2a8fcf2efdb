//go:build linux

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	runtime.LockOSThread() // rights are a thread's, and the last step takes those of this one along
	var r rights
	root := flag.String("root", "/", "the `folder` that the command sees as the root of all files")
	flag.TextVar(&r.capabilities, "capabilities", capabilities(nil), "`names` of those that stay, separated by commas; \"all\" for all")
	flag.BoolVar(&r.filter, "seccomp", false, "filter system calls as a container runtime does by default")
	flag.Parse()
	err := r.run(*root, flag.Args())
	fmt.Fprintln(os.Stderr, "confine:", err)
	os.Exit(125) // what runtimes say when the container did not start
}

// rights are what the command keeps.
type rights struct {
	capabilities capabilities
	filter       bool
}

// run does not return but with an error.
func (r rights) run(root string, words []string) error {
	environment := os.Environ()
	given := 0
	for given < len(words) && strings.Contains(words[given], "=") {
		given++
	}
	if given > 0 {
		environment = lastOfEach(words[:given])
	}
	if words = words[given:]; len(words) == 0 {
		return errors.New("no command behind the flags")
	}
	if err := unix.Chroot(root); err != nil {
		return fmt.Errorf("go into %s: %w", root, err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	for _, e := range environment {
		if path, is := strings.CutPrefix(e, "PATH="); is {
			if err := os.Setenv("PATH", path); err != nil {
				return err
			}
		}
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return err
	}
	if err := r.giveUp(); err != nil {
		return err
	}
	return fmt.Errorf("become %s: %w", path, unix.Exec(path, words, environment))
}

// lastOfEach leaves out settings that are made again later.
func lastOfEach(environment []string) (rest []string) {
	for i, e := range environment {
		name, _, _ := strings.Cut(e, "=")
		again := func(later string) bool { return strings.HasPrefix(later, name+"=") }
		if !slices.ContainsFunc(environment[i+1:], again) {
			rest = append(rest, e)
		}
	}
	return rest
}

// giveUp is for a root process; what it executes has what the bounding set allows.
func (r rights) giveUp() error {
	if r.capabilities.all() {
		return nil
	}
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		if r.capabilities.has(c) {
			continue
		}
		// What the kernel does not know no process has.
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("do without new privileges: %w", err)
	}
	if !r.filter {
		return nil
	}
	if err := filterCalls(r.capabilities); err != nil {
		return fmt.Errorf("filter system calls: %w", err)
	}
	return nil
}
