package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// kernel is an unpacked kernel package.
type kernel struct {
	folder  string
	version string
}

func (k kernel) image() string { return filepath.Join(k.folder, "boot", "vmlinux-"+k.version) }

func (k kernel) modules() string { return filepath.Join(k.folder, "lib/modules", k.version) }

// findKernel answers with a kernel below cache, and fetches it when there is none yet. A newer one is had by removing the
// folder. The version is one of known's, or empty: the kernel of the suite that this machine is of.
func findKernel(ctx context.Context, cache, version string) (kernel, error) {
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return kernel{}, err
	}
	defer unlock()
	k := kernel{folder: filepath.Join(cache, "kernel")}
	if version != "" {
		k.folder = filepath.Join(cache, "kernels", version)
	}
	images, _ := filepath.Glob(filepath.Join(k.folder, "boot/vmlinux-*"))
	if len(images) == 1 {
		_, k.version, _ = strings.Cut(filepath.Base(images[0]), "-")
		return k, nil
	}
	if k.version, err = fetchKernel(ctx, cache, k.folder, version); err != nil {
		return kernel{}, fmt.Errorf("fetch a kernel: %w", err)
	}
	return k, nil
}

// fetchKernel downloads and unpacks, but does not install, a kernel's packages.
func fetchKernel(ctx context.Context, cache, folder, version string) (string, error) {
	if err := need("apt-cache", "apt-get", "dpkg-deb", "depmod", "xz", "zstd"); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return "", err
	}
	var debian apt
	s, other := suiteOf(version, kernelOf)
	if other {
		var err error
		if debian, err = aptOf(ctx, cache, s); err != nil {
			return "", err
		}
	}
	release, packages, err := kernelPackages(ctx, debian)
	if err != nil {
		return "", err
	}
	if other && version != newest && !strings.HasPrefix(release, version+".") {
		return "", fmt.Errorf("%s has gone on to %s: take -kernel=%s", s.name, release, newest)
	}
	fmt.Fprintf(os.Stderr, "vm: fetching linux-image-%s\n", release)

	root, err := os.MkdirTemp(filepath.Dir(folder), "root-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(root) }()
	if err := debian.unpack(ctx, root, packages...); err != nil {
		return "", err
	}
	if err := finishKernel(ctx, root, release); err != nil {
		return "", err
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	return release, os.Rename(root, folder)
}

// kernelPackages names the newest kernel of a suite and the packages that it is made of: one, or since 7.x some.
func kernelPackages(ctx context.Context, debian apt) (release string, packages []string, err error) {
	image, err := debian.depends(ctx, "linux-image-amd64")
	if err != nil {
		return "", nil, err
	}
	if release = kernelRelease(image); release == "" {
		return "", nil, errors.New("linux-image-amd64 depends on no kernel (are the package lists missing? apt-get update)")
	}
	parts, err := debian.depends(ctx, "linux-image-"+release)
	return release, kernelParts(release, parts), err
}

// kernelRelease finds the kernel's version in what Debian's kernel metapackage depends on.
func kernelRelease(depends []string) string {
	for _, name := range depends {
		if release, ok := strings.CutPrefix(name, "linux-image-"); ok {
			return release
		}
	}
	return ""
}

// kernelParts are the packages of a kernel, given what the one named after the image depends on.
func kernelParts(release string, depends []string) []string {
	all := []string{"linux-image-" + release}
	for _, name := range depends {
		if strings.HasPrefix(name, "linux-") && strings.HasSuffix(name, "-"+release) {
			all = append(all, name)
		}
	}
	return all
}

// finishKernel makes of unpacked packages what the methods of kernel promise.
func finishKernel(ctx context.Context, root, release string) error {
	if _, err := output(ctx, "", "depmod", "-b", root, release); err != nil {
		return err
	}
	k := kernel{folder: root, version: release}
	image := filepath.Join(root, "boot", "vmlinuz-"+release)
	if _, err := os.Stat(image); os.IsNotExist(err) {
		image = filepath.Join(k.modules(), "vmlinuz") // since 7.x
	}
	if err := os.MkdirAll(filepath.Dir(k.image()), 0o755); err != nil {
		return err
	}
	return unpackImage(ctx, image, k.image())
}

// need errs when one of the tools is not on this machine.
func need(tools ...string) error {
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing on this machine: run e2e/cmd/vm/install.sh", tool)
		}
	}
	return nil
}

// output runs a tool in dir and answers with what it writes.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// lock keeps other processes waiting until unlock.
func lock(file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return func() { _ = f.Close() }, nil
}
