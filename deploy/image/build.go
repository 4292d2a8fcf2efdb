package main

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const repository = "ghcr.io/kube-ipvs/kube-ipvs"

// unpacked is a package and its file.
type unpacked struct {
	pkg
	deb string
}

// build is the image for one architecture.
type build struct {
	arch, version, daemon string
	packages              []unpacked
}

// machines are the architectures as ELF has them: a daemon for another would start nowhere.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// image makes it, and writes all of its files into an archive, for those who build it by other means.
func (b build) image(ctx context.Context, rootfs string) (part mutate.IndexAddendum, err error) {
	tools := files{}
	for _, p := range b.packages {
		if err := tools.addPackage(ctx, p.deb); err != nil {
			return part, err
		}
	}
	tools.addNames()
	daemon, err := b.daemonFile()
	if err != nil {
		return part, err
	}
	ours := files{"usr/bin/kube-ipvs": daemon}
	whole := maps.Clone(tools)
	maps.Copy(whole, ours)
	if err := whole.write(rootfs); err != nil {
		return part, err
	}
	img, err := b.assemble(tools, ours)
	if err != nil {
		return part, err
	}
	return mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: b.arch}}}, nil
}

// daemonFile reads the daemon, which has to be for this architecture and to need no libraries.
func (b build) daemonFile() (file, error) {
	data, err := os.ReadFile(b.daemon)
	if err != nil {
		return file{}, err
	}
	program, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return file{}, fmt.Errorf("read %s: %w", b.daemon, err)
	}
	if program.Machine != machines[b.arch] {
		return file{}, fmt.Errorf("%s is for %v", b.daemon, program.Machine)
	}
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		return file{}, fmt.Errorf("%s is not static: it needs %q (%w)", b.daemon, libraries, err)
	}
	return file{mode: 0o755, data: data}, nil
}

// assemble puts layers together. What rarely changes comes first.
func (b build) assemble(layers ...files) (v1.Image, error) {
	img := mutate.MediaType(mutate.ConfigMediaType(empty.Image, types.OCIConfigJSON), types.OCIManifestSchema1)
	for _, files := range layers {
		text, err := files.tar()
		if err != nil {
			return nil, err
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
		layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			return nil, err
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", b.arch, v1.Time{Time: moment}
	config.Config = v1.Config{
		Entrypoint: []string{"/usr/bin/kube-ipvs"},
		Env:        []string{"PATH=/usr/lib/kube-ipvs/nft:/usr/sbin:/usr/bin:/sbin:/bin"},
		Labels:     labels(b.version),
	}
	return mutate.ConfigFile(img, config)
}

func labels(version string) map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":    "kube-ipvs",
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.source":   "https://github.com/kube-ipvs/kube-ipvs",
		"org.opencontainers.image.licenses": "Apache-2.0",
	}
}

// write makes the layout and its archive in folder, and answers with the digest of the image.
func write(folder, version string, parts []mutate.IndexAddendum) (v1.Hash, error) {
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), parts...)
	index, ok := mutate.Annotations(index, labels(version)).(v1.ImageIndex)
	if !ok {
		return v1.Hash{}, errors.New("annotate the image: it is none any more")
	}
	place := filepath.Join(folder, "oci")
	if err := os.RemoveAll(place); err != nil {
		return v1.Hash{}, err
	}
	layouts, err := layout.Write(place, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	name := layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          repository + ":" + version,
		"org.opencontainers.image.ref.name": version,
	})
	if err := layouts.AppendIndex(index, name); err != nil {
		return v1.Hash{}, err
	}
	if err := archive(place, filepath.Join(folder, "kube-ipvs.tar")); err != nil {
		return v1.Hash{}, err
	}
	return index.Digest()
}

// archive puts a layout into one file.
func archive(layout, to string) error {
	all := files{}
	err := filepath.WalkDir(layout, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(layout, path)
		all[filepath.ToSlash(name)] = file{mode: 0o644, data: data}
		return err
	})
	if err != nil {
		return err
	}
	return all.write(to)
}
