package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// architectures are those that packages.txt has.
var architectures = []string{"amd64", "arm64"}

func main() {
	version := flag.String("version", "unknown", "`version` of the image, as stamped into the daemons")
	lock := flag.String("lock", "", "write the newest versions of the packages into this `file`, and build nothing")
	archs := flag.String("architectures", strings.Join(architectures, " "), "`architectures` to build for")
	flag.Parse()
	err := rewrite(context.Background(), *lock)
	if err == nil && *lock == "" {
		err = run(context.Background(), order{*version, strings.Fields(*archs), flag.Arg(0)})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// order is what is to be built, and where.
type order struct {
	version       string
	architectures []string
	folder        string
}

func newStore() (store, error) {
	cache, err := os.UserCacheDir()
	return store{filepath.Join(cache, "kube-ipvs", "debs")}, err
}

// rewrite names the newest packages in a file, if there is one to write.
func rewrite(ctx context.Context, file string) error {
	if file == "" {
		return nil
	}
	s, err := newStore()
	if err != nil {
		return err
	}
	return s.lock(ctx, file)
}

func run(ctx context.Context, o order) error {
	store, err := newStore()
	if err != nil {
		return err
	}
	all, err := readPackages(packagesText)
	if err != nil {
		return err
	}
	var parts []mutate.IndexAddendum
	for _, arch := range o.architectures {
		b := build{arch: arch, version: o.version, daemon: filepath.Join(o.folder, "kube-ipvs-"+arch)}
		ours := slices.DeleteFunc(slices.Clone(all), func(p pkg) bool { return p.arch != arch })
		if err := store.fetch(ctx, arch, ours); err != nil {
			return err
		}
		for _, p := range ours {
			b.packages = append(b.packages, unpacked{p, store.path(p)})
		}
		part, err := b.image(ctx, filepath.Join(o.folder, "rootfs-"+arch+".tar"))
		if err != nil {
			return fmt.Errorf("image for %s: %w", arch, err)
		}
		parts = append(parts, part)
		if err := b.writeSBOM(filepath.Join(o.folder, "sbom-"+arch+".cdx.json")); err != nil {
			return fmt.Errorf("list of contents for %s: %w", arch, err)
		}
	}
	digest, err := write(o.folder, o.version, parts)
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

// moment is the time of everything in the image. The same content then has the same digest.
var moment = time.Unix(0, 0).UTC()
