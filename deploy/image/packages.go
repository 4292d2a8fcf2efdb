package main

import (
	"context"
	"crypto/sha256"
	_ "embed" // of packages.txt
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed packages.txt
var packagesText string

// names are the packages that the image takes files from.
var names = []string{
	"iptables", "libxtables12", "libmnl0", "libnftnl11", "libip4tc2", "libip6tc2", "libnetfilter-conntrack3", "libnfnetlink0",
	"kmod", "libkmod2", "libzstd1", "liblzma5", "libssl3",
	"libc6",
}

// pkg is a package of Debian, exactly.
type pkg struct{ arch, name, version, sha256 string }

func (p pkg) String() string { return strings.Join([]string{p.arch, p.name, p.version, p.sha256}, " ") }

// readPackages reads one package a line; # begins a comment.
func readPackages(text string) (all []pkg, err error) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case len(words) != 4 || len(words[3]) != 2*sha256.Size:
			return nil, fmt.Errorf("packages.txt: %q: must be architecture, name, version and SHA-256", strings.TrimSpace(line))
		default:
			all = append(all, pkg{words[0], words[1], words[2], words[3]})
		}
	}
	return all, nil
}

// store keeps packages, and knows how to get them.
type store struct{ folder string }

func (s store) path(p pkg) string { return filepath.Join(s.folder, p.sha256+".deb") }

// fetch gets those packages of an architecture that are not there yet, in one go. Their checksums are right afterwards.
func (s store) fetch(ctx context.Context, arch string, all []pkg) error {
	missing := slices.DeleteFunc(slices.Clone(all), func(p pkg) bool { return verify(s.path(p), p.sha256) == nil })
	if len(missing) == 0 {
		return nil
	}
	apt, err := s.apt(ctx, arch)
	if err != nil {
		return err
	}
	parts, err := os.MkdirTemp(s.folder, "fetch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(parts) }()
	args := slices.Concat(apt, []string{"download"})
	for _, p := range missing {
		args = append(args, p.name+":"+p.arch+"="+p.version)
	}
	if _, err := output(ctx, parts, "apt-get", args...); err != nil {
		return fmt.Errorf("fetch packages: %w (make image-packages names the versions of today)", err)
	}
	for _, p := range missing {
		debs, err := filepath.Glob(filepath.Join(parts, p.name+"_*.deb"))
		if err != nil || len(debs) != 1 {
			return fmt.Errorf("fetch %s: got %d files (%w)", p, len(debs), err)
		}
		if err := verify(debs[0], p.sha256); err != nil {
			return fmt.Errorf("fetch %s: %w", p, err)
		}
		if err := os.Rename(debs[0], s.path(p)); err != nil {
			return err
		}
	}
	return nil
}

func verify(path, want string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
		return fmt.Errorf("its SHA-256 is %x", sum)
	}
	return nil
}

// apt is what makes apt-get and apt-cache work for an architecture, whatever this machine's is, with lists of our own, which are fetched
// when there are none.
func (s store) apt(ctx context.Context, arch string) ([]string, error) {
	state := filepath.Join(s.folder, "apt-"+arch)
	if err := os.MkdirAll(filepath.Join(state, "cache", "archives", "partial"), 0o755); err != nil {
		return nil, err
	}
	options := []string{
		"-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch, "-o", "APT::Sandbox::User=root",
		"-o", "Dir::State=" + state, "-o", "Dir::State::lists=" + filepath.Join(state, "lists"), "-o", "Dir::State::status=/dev/null",
		"-o", "Dir::Cache=" + filepath.Join(state, "cache"),
	}
	lists := filepath.Join(state, "lists", "partial")
	if _, err := os.Stat(lists); err == nil {
		return options, nil
	}
	if err := os.MkdirAll(lists, 0o755); err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stderr, "image: fetching apt's lists for %s\n", arch)
	if _, err := output(ctx, state, "apt-get", append(options, "update", "-q")...); err != nil {
		return nil, errors.Join(err, os.RemoveAll(filepath.Join(state, "lists")))
	}
	return options, nil
}

// lock writes the newest versions into a file.
func (s store) lock(ctx context.Context, file string) error {
	var b strings.Builder
	b.WriteString("# What the image has of Debian, by `make image-packages`: architecture, name, version, SHA-256.\n")
	for _, arch := range architectures {
		if err := os.RemoveAll(filepath.Join(s.folder, "apt-"+arch)); err != nil { // old lists
			return err
		}
		apt, err := s.apt(ctx, arch)
		if err != nil {
			return err
		}
		text, err := output(ctx, "", "apt-cache", append(append(apt, "show", "--no-all-versions"), names...)...)
		if err != nil {
			return err
		}
		for description := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
			fmt.Fprintln(&b, pkg{arch, field(description, "Package"), field(description, "Version"), field(description, "SHA256")})
		}
	}
	if _, err := readPackages(b.String()); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// field is one of a description in apt's form.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+": "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// output runs a program in dir and answers with what it writes.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(complaint.String()))
	}
	return string(out), nil
}
