package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suite is one of Debian's, with what it has of interest here.
type suite struct {
	name     string
	kernel   string // the first numbers of its version
	iptables string // its version
}

// suites are the oldest to the newest. The last one moves on: what it has then is had by the name newest.
var suites = []suite{
	{"bullseye", "5.10", "1.8.7"},
	{"bookworm", "6.1", "1.8.9"},
	{"trixie", "6.12", "1.8.11"},
	{"sid", "7.2", "1.8.13"},
}

// newest names what the last suite has, whatever its version.
const newest = "newest"

// suiteOf finds the suite that has, by field, the version, or newest.
func suiteOf(version string, field func(suite) string) (suite, bool) {
	if version == newest {
		return suites[len(suites)-1], true
	}
	i := slices.IndexFunc(suites, func(s suite) bool { return field(s) == version })
	if i < 0 {
		return suite{}, false
	}
	return suites[i], true
}

func kernelOf(s suite) string { return s.kernel }

func iptablesOf(s suite) string { return s.iptables }

// known lists what suiteOf finds.
func known(field func(suite) string) []string {
	var all []string
	for _, s := range suites {
		all = append(all, field(s))
	}
	return append(all, newest)
}

// apt asks Debian's package tools. The zero value asks about the suite that this machine is of.
type apt struct {
	options []string
}

// keyring holds the keys with which Debian signs its suites.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// aptOf is about a suite, beside this machine's own configuration: it keeps its lists below cache, and asks the mirror
// that this machine asks. The lists are fetched afresh.
func aptOf(ctx context.Context, cache string, s suite) (apt, error) {
	if _, err := os.Stat(keyring); err != nil {
		return apt{}, fmt.Errorf("%w (Debian has it in the package debian-archive-keyring)", err)
	}
	mirror, err := findMirror(ctx)
	if err != nil {
		return apt{}, err
	}
	folder := filepath.Join(cache, "debian", s.name)
	for _, name := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(folder, name), 0o755); err != nil {
			return apt{}, err
		}
	}
	sources := filepath.Join(folder, "sources.list")
	line := fmt.Sprintf("deb [arch=amd64 signed-by=%s] %s %s main\n", keyring, mirror, s.name)
	if err := os.WriteFile(sources, []byte(line), 0o644); err != nil {
		return apt{}, err
	}
	a := apt{[]string{
		"-o", "Dir::Etc::sourcelist=" + sources, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(folder, "lists"), "-o", "Dir::Cache=" + filepath.Join(folder, "cache"),
		"-o", "Dir::State::status=/dev/null", "-o", "APT::Architecture=amd64", "-o", "Acquire::Languages=none",
		"-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
	}}
	_, err = a.run(ctx, "", "apt-get", "update", "-q", "--error-on=any")
	return a, err
}

// findMirror answers with the mirror of Debian's that this machine is configured to ask.
func findMirror(ctx context.Context) (string, error) {
	text, err := output(ctx, "", "apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages", "Origin: Debian")
	if err != nil {
		return "", err
	}
	mirror, ok := parseMirror(text)
	if !ok {
		return "", errors.New("apt's sources name no mirror of Debian to fetch other suites from")
	}
	return mirror, nil
}

// parseMirror reads lines of a label and an address; it fails if none is Debian's.
func parseMirror(text string) (string, bool) {
	for line := range strings.Lines(text) {
		if label, uri, _ := strings.Cut(strings.TrimSpace(line), " "); label == "Debian" {
			return strings.TrimSuffix(uri, "/"), true
		}
	}
	return "", false
}

// run runs a tool in dir and answers with what it writes.
func (a apt) run(ctx context.Context, dir, name string, args ...string) (string, error) {
	// apt-get as root would want to step down to a user who may not write here.
	return output(ctx, dir, name, slices.Concat([]string{"-o", "APT::Sandbox::User=root"}, a.options, args)...)
}

// depends are the packages that a package cannot be without.
func (a apt) depends(ctx context.Context, name string) ([]string, error) {
	text, err := a.run(ctx, "", "apt-cache", "depends", name)
	if err != nil {
		return nil, err
	}
	return parseDepends(text), nil
}

// parseDepends reads what `apt-cache depends` says.
func parseDepends(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok {
			all = append(all, name)
		}
	}
	return all
}

// unpack downloads packages and unpacks them, without installing, into root. Whatever the suite, lib is there.
func (a apt) unpack(ctx context.Context, root string, packages ...string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	parts, err := os.MkdirTemp(filepath.Dir(root), "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(parts) }()
	if _, err := a.run(ctx, parts, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return fmt.Errorf("%w (are the package lists old? apt-get update)", err)
	}
	debs, err := filepath.Glob(filepath.Join(parts, "*.deb"))
	if err == nil && len(debs) != len(packages) {
		err = errors.New("not all of them came")
	}
	if err != nil {
		return fmt.Errorf("download %s: %w", strings.Join(packages, " "), err)
	}
	for _, deb := range debs {
		if _, err := output(ctx, "", "dpkg-deb", "-x", deb, root); err != nil {
			return err
		}
	}
	// Packages since trixie's have everything below usr.
	if _, err := os.Stat(filepath.Join(root, "lib")); !os.IsNotExist(err) {
		return err
	}
	return os.Symlink("usr/lib", filepath.Join(root, "lib"))
}
