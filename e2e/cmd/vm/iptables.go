package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// iptablesChoice are the programs of iptables that a command finds.
type iptablesChoice struct {
	versions []string // of known's; the first one is the command's, if there are any, else this machine's is
	backend  string   // nft, legacy, or what the programs without either in their name are of
}

// backends are what iptables writes to.
var backends = []string{"nft", "legacy"}

func parseIPTables(versions, backend string) (c iptablesChoice, err error) {
	if backend != "" && !slices.Contains(backends, backend) {
		return c, fmt.Errorf("-backend=%s: want %s", backend, list(backends))
	}
	c.backend = backend
	if versions == "" {
		return c, nil
	}
	c.versions = strings.Split(versions, ",")
	for _, v := range c.versions {
		if _, ok := suiteOf(v, iptablesOf); !ok {
			return c, fmt.Errorf("-iptables=%s: want %s, or some with commas between them", v, list(known(iptablesOf)))
		}
	}
	return c, nil
}

// environ adds to an environment: the chosen programs stand first on the PATH, and E2E_IPTABLES has the folders of all
// versions, with colons between them.
func (c iptablesChoice) environ(ctx context.Context, environ []string) ([]string, error) {
	if len(c.versions) == 0 && c.backend == "" {
		return environ, nil
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	cache := filepath.Join(base, "kube-ipvs", "vm")
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	backend := cmp.Or(c.backend, "nft")
	if len(c.versions) == 0 {
		folder := filepath.Join(cache, "iptables", "own", backend)
		return onPath(environ, folder), writePrograms(folder, backend, ownProgram)
	}
	var folders []string
	for _, v := range c.versions {
		root := filepath.Join(cache, "iptables", v, "root")
		if err := findIPTables(ctx, cache, root, v); err != nil {
			return nil, fmt.Errorf("fetch iptables %s: %w", v, err)
		}
		folder := filepath.Join(cache, "iptables", v, backend)
		err := writePrograms(folder, backend, func(program, backend string) string { return otherProgram(root, program, backend) })
		if err != nil {
			return nil, err
		}
		folders = append(folders, folder)
	}
	return append(onPath(environ, folders[0]), "E2E_IPTABLES="+strings.Join(folders, ":")), nil
}

// onPath puts a folder before all others on the PATH.
func onPath(environ []string, folder string) []string {
	path := folder
	for _, e := range environ {
		if rest, ok := strings.CutPrefix(e, "PATH="); ok {
			path = folder + ":" + rest
		}
	}
	return append(slices.Clone(environ), "PATH="+path)
}

// findIPTables has one release of iptables below root, with its libraries.
func findIPTables(ctx context.Context, cache, root, version string) error {
	if _, err := os.Stat(root); err == nil {
		return nil
	}
	if err := need("apt-cache", "apt-get", "dpkg-deb"); err != nil {
		return err
	}
	s, _ := suiteOf(version, iptablesOf)
	debian, err := aptOf(ctx, cache, s)
	if err != nil {
		return err
	}
	shown, err := debian.run(ctx, "", "apt-cache", "show", "--no-all-versions", "iptables")
	if err != nil {
		return err
	}
	if version != newest && !strings.Contains(shown, "\nVersion: "+version+"-") {
		return fmt.Errorf("%s has gone on to another: take -iptables=%s", s.name, newest)
	}
	depends, err := debian.depends(ctx, "iptables")
	if err != nil {
		return err
	}
	packages := append(slices.DeleteFunc(depends, func(name string) bool { return !strings.HasPrefix(name, "lib") }), "iptables")
	fmt.Fprintf(os.Stderr, "vm: fetching iptables of %s\n", s.name)
	part := root + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := debian.unpack(ctx, part, packages...); err != nil {
		return err
	}
	return os.Rename(part, root)
}

// ownProgram is the text of a script that runs a program of this machine's.
func ownProgram(program, backend string) string {
	return fmt.Sprintf("#!/bin/sh\nexec /usr/sbin/%s \"$@\"\n", named(program, backend))
}

// otherProgram is the text of a script that runs a program of another suite with the libraries of that suite, which may
// be older or newer than all that this machine has.
func otherProgram(root, program, backend string) string {
	const triplet = "x86_64-linux-gnu"
	libraries := filepath.Join(root, "lib", triplet)
	more := filepath.Join(root, "usr/lib", triplet)
	return fmt.Sprintf("#!/bin/sh\nXTABLES_LIBDIR=%s exec %s --library-path %s %s %s \"$@\"\n",
		quote(filepath.Join(more, "xtables")), quote(filepath.Join(libraries, "ld-linux-x86-64.so.2")),
		quote(libraries+":"+more), quote(filepath.Join(root, "usr/sbin/xtables-"+backend+"-multi")), program)
}

// writePrograms writes the scripts for all programs of iptables: those with a backend in their name, and those without,
// which are of the given one.
func writePrograms(folder, plain string, text func(program, backend string) string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, verb := range []string{"", "-save", "-restore"} {
			program := family + verb
			all := map[string]string{program: text(program, plain)}
			for _, b := range backends {
				all[named(program, b)] = text(program, b)
			}
			for name, text := range all {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// named is "ip6tables-nft-save" for "ip6tables-save".
func named(program, backend string) string {
	family, verb, _ := strings.Cut(program, "-")
	return strings.TrimSuffix(family+"-"+backend+"-"+verb, "-")
}

// list is "a, b or c".
func list(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
