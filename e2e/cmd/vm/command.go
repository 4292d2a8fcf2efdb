package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/e2e/child"
)

// searchPath is what a command may count on; a user's own PATH often lacks the folders of iptables and its like.
var searchPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// environment is what of the given environment reaches the command, to which the services on the host's loopback stand
// at the address host.
func environment(environ []string, host string) []string {
	env := []string{"HOME=/root"}
	path := searchPath
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case name == "PATH":
			path = slices.Concat(filepath.SplitList(value), searchPath)
		case name == "E2E_HOST":
		case strings.HasPrefix(name, "E2E_"):
			env = append(env, e)
		}
	}
	return append(env, "E2E_HOST="+host, "PATH="+strings.Join(distinct(path), ":"))
}

// commandScript is the text of a shell script that becomes the command.
func commandScript(dir string, env, command []string) string {
	words := slices.Concat([]string{"/usr/bin/env", "-i"}, env, command)
	for i, w := range words {
		words[i] = quote(w)
	}
	// The full path of env keeps busybox from running an applet of its own in the place of a program of the host's.
	return fmt.Sprintf("cd %s || exit %d\nexec %s\n", quote(dir), child.Broken, strings.Join(words, " "))
}

// folders are the host's folders that the virtual machine has besides its root folder.
type folders struct {
	modules string   // of the kernel, its name being the kernel's version
	shown   []string // where a fresh mount hides them
	share   string   // to write to, or empty
}

// script is the text of a shell script that calls the functions of guest/init.sh.
func (f folders) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "modules %s\n", quote(f.modules))
	for _, folder := range distinct(f.shown) {
		if hidden(folder) {
			fmt.Fprintf(&b, "show %s\n", quote(folder))
		}
	}
	if f.share != "" {
		fmt.Fprintf(&b, "share %s\n", quote(f.share))
	}
	return b.String()
}

// hidden tells whether the virtual machine has a fresh mount in the place of a folder of the host's.
func hidden(folder string) bool {
	top, below, _ := strings.Cut(strings.TrimPrefix(folder, "/"), "/")
	return below != "" && slices.Contains([]string{"dev", "proc", "run", "sys", "tmp"}, top)
}

// quote makes one word of s for a shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
