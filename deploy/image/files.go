package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// wanted are the files that the image takes from packages.
var wanted = regexp.MustCompile(`^(` + strings.Join([]string{
	`usr/sbin/xtables-(nft|legacy)-multi`,
	`usr/sbin/ip6?tables-(nft|legacy)(-save|-restore)?`,
	`usr/lib/[^/]+/xtables/lib(xt|ipt|ip6t)_[A-Za-z0-9]+\.so`,
	`s?bin/(kmod|modprobe)`,
	// The dynamic linker and libraries, but none of the C library's rarities.
	`lib(64)?/(.+/)?ld-linux[^/]*`,
	`(usr/)?lib/[^/]+/lib(c|m|xtables|mnl|nftnl|ip4tc|ip6tc|netfilter_conntrack|nfnetlink|zstd|lzma|crypto)\.so\.[0-9.]+`,
	`usr/share/doc/[^/]+/copyright`,
}, "|") + `)$`)

// file is one of the image.
type file struct {
	mode int64
	data []byte
	link string // where a symbolic link leads; then there is no data
}

// files are those of one layer, by path without a slash before it.
type files map[string]file

// addPackage adds the wanted files of a package.
func (fs files) addPackage(ctx context.Context, deb string) error {
	text, err := output(ctx, "", "dpkg-deb", "--fsys-tarfile", deb)
	if err != nil {
		return err
	}
	for r := tar.NewReader(strings.NewReader(text)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", deb, err)
		}
		name := path.Clean(h.Name)
		if !wanted.MatchString(name) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(r)
			if err != nil {
				return fmt.Errorf("read %s: %w", deb, err)
			}
			fs[name] = file{mode: h.Mode & 0o755, data: data}
		case tar.TypeSymlink:
			fs[name] = file{mode: 0o777, link: h.Linkname}
		default:
			return fmt.Errorf("read %s: %s is neither a file nor a symbolic link", deb, name)
		}
	}
}

// addNames adds the plain names of iptables, in a folder for each backend: which one is on the PATH decides.
func (fs files) addNames() {
	for _, backend := range []string{"nft", "legacy"} {
		for _, program := range []string{"iptables", "ip6tables"} {
			for _, verb := range []string{"", "-save", "-restore"} {
				fs["usr/lib/kube-ipvs/"+backend+"/"+program+verb] = file{mode: 0o777, link: "/usr/sbin/xtables-" + backend + "-multi"}
			}
		}
	}
}

// tar writes the files in the order of their paths, and their folders before them.
func (fs files) tar() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	made := map[string]bool{".": true}
	var errs []error
	header := func(h *tar.Header) {
		h.ModTime, h.Format = moment, tar.FormatPAX
		errs = append(errs, w.WriteHeader(h))
	}
	var folder func(name string)
	folder = func(name string) {
		if made[name] {
			return
		}
		made[name] = true
		folder(path.Dir(name))
		header(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
	}
	for _, name := range slices.Sorted(maps.Keys(fs)) {
		f := fs[name]
		folder(path.Dir(name))
		if f.link != "" {
			header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: f.link, Mode: f.mode})
			continue
		}
		header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: f.mode, Size: int64(len(f.data))})
		_, err := w.Write(f.data)
		errs = append(errs, err)
	}
	errs = append(errs, w.Close()) // which writes the end
	return out.Bytes(), errors.Join(errs...)
}

// write writes the archive into a file.
func (fs files) write(to string) error {
	text, err := fs.tar()
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
