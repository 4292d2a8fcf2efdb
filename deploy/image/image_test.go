package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// someFiles are made anew at each call, in an order that maps do not keep.
func someFiles() files {
	fs := files{}
	fs.addNames()
	fs["usr/sbin/xtables-nft-multi"] = file{mode: 0o755, data: bytes.Repeat([]byte("x"), 1<<16)}
	fs["a/b/c"] = file{mode: 0o644, data: []byte("c")}
	return fs
}

// written makes the image in a folder of its own.
func written(t *testing.T, version string) (digest, archive string) {
	t.Helper()
	img, err := build{arch: "amd64", version: version}.assemble(someFiles(), files{"usr/bin/kube-ipvs": {mode: 0o755, data: []byte("daemon")}})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	part := mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}
	hash, err := write(folder, version, []mutate.IndexAddendum{part})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "kube-ipvs.tar"))
	if err != nil {
		t.Fatal(err)
	}
	return hash.String(), string(text)
}

func TestTheSameContentHasTheSameDigest(t *testing.T) {
	digest, archive := written(t, "v1")
	for range 3 {
		again, whole := written(t, "v1")
		if again != digest || whole != archive {
			t.Errorf("digest %s, then %s; the same archive: %t", digest, again, whole == archive)
		}
	}
	if other, _ := written(t, "v2"); other == digest {
		t.Errorf("another version has digest %s too", other)
	}
}

func TestTar(t *testing.T) {
	text, err := someFiles().tar()
	if err != nil {
		t.Fatal(err)
	}
	if end := make([]byte, 1024); !bytes.HasSuffix(text, end) {
		t.Error("it ends without the two empty blocks that end an archive")
	}
	var names []string
	for r := tar.NewReader(bytes.NewReader(text)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s belongs to %d:%d and is of %v", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		names = append(names, h.Name)
	}
	if want := []string{"a/", "a/b/", "a/b/c", "usr/", "usr/lib/", "usr/lib/kube-ipvs/"}; !slices.Equal(names[:6], want) {
		t.Errorf("it begins with %q, want %q", names[:6], want)
	}
}

func TestPackagesAreTheSameForAllArchitectures(t *testing.T) {
	all, err := readPackages(packagesText)
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range architectures {
		var have []string
		for _, p := range all {
			if p.arch == arch {
				have = append(have, p.name)
			}
		}
		if !slices.Equal(have, names) {
			t.Errorf("%s: packages.txt has %q, want %q", arch, have, names)
		}
	}
}

func TestBadPackages(t *testing.T) {
	for _, line := range []string{"amd64 iptables 1.8.9-2", "amd64 iptables 1.8.9-2 cafe"} {
		if _, err := readPackages("# a comment\n" + line); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v, want an error that quotes it", line, err)
		}
	}
}

func TestDaemonsThatWouldNotStart(t *testing.T) {
	self, err := os.Executable() // is static, as the daemon is
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	for _, c := range []struct{ name, path, arch, complaint string }{
		{"a static one", self, runtime.GOARCH, ""},
		{"for another machine", self, other, "is for EM_"},
		{"with libraries", "/bin/sh", runtime.GOARCH, "is not static"},
		{"a script", filepath.Join("..", "..", "Makefile"), runtime.GOARCH, "bad magic"},
	} {
		_, err := build{arch: c.arch, daemon: c.path}.daemonFile()
		if c.complaint == "" && err != nil || c.complaint != "" && (err == nil || !strings.Contains(err.Error(), c.complaint)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.complaint)
		}
	}
}

func TestWanted(t *testing.T) {
	for name, want := range map[string]bool{
		"usr/sbin/xtables-nft-multi":                     true,
		"usr/sbin/ip6tables-legacy-restore":              true,
		"usr/sbin/arptables-nft":                         false,
		"usr/sbin/iptables-apply":                        false,
		"usr/lib/x86_64-linux-gnu/xtables/libxt_set.so":  true,
		"usr/lib/x86_64-linux-gnu/xtables/libebt_arp.so": false,
		"bin/kmod":      true,
		"sbin/modprobe": true,
		"sbin/rmmod":    false,
		"lib/x86_64-linux-gnu/ld-linux-x86-64.so.2":         true,
		"lib64/ld-linux-x86-64.so.2":                        true,
		"lib/ld-linux-aarch64.so.1":                         true,
		"lib/x86_64-linux-gnu/libc.so.6":                    true,
		"lib/x86_64-linux-gnu/libresolv.so.2":               false,
		"usr/lib/x86_64-linux-gnu/libcrypto.so.3":           true,
		"usr/lib/x86_64-linux-gnu/libssl.so.3":              false,
		"usr/lib/x86_64-linux-gnu/gconv/UTF-16.so":          false,
		"usr/share/doc/iptables/copyright":                  true,
		"usr/share/doc/iptables/changelog.Debian.gz":        false,
		"usr/lib/x86_64-linux-gnu/xtables/libxt_../evil.so": false,
	} {
		if got := wanted.MatchString(name); got != want {
			t.Errorf("%s: %t, want %t", name, got, want)
		}
	}
}
