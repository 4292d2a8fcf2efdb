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

// findKernel answers with the kernel below cache, and fetches the newest of Debian's when there is none yet. Whoever
// wants a newer one later removes the folder.
func findKernel(ctx context.Context, cache string) (kernel, error) {
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return kernel{}, err
	}
	defer unlock()
	k := kernel{folder: filepath.Join(cache, "kernel")}
	images, _ := filepath.Glob(filepath.Join(k.folder, "boot/vmlinux-*"))
	if len(images) == 1 {
		_, k.version, _ = strings.Cut(filepath.Base(images[0]), "-")
		return k, nil
	}
	if k.version, err = fetchKernel(ctx, k.folder); err != nil {
		return kernel{}, fmt.Errorf("fetch a kernel: %w", err)
	}
	return k, nil
}

// fetchKernel downloads and unpacks, but does not install, a kernel package.
func fetchKernel(ctx context.Context, folder string) (string, error) {
	if err := need("apt-cache", "apt-get", "dpkg-deb", "depmod", "xz"); err != nil {
		return "", err
	}
	depends, err := output(ctx, "", "apt-cache", "depends", "linux-image-amd64")
	if err != nil {
		return "", err
	}
	version, err := parseDepends(depends)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "vm: fetching linux-image-%s\n", version)

	parts, err := os.MkdirTemp(filepath.Dir(folder), "fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(parts) }()
	// apt-get as root would want to step down to a user who may not write here.
	if _, err := output(ctx, parts, "apt-get", "-o", "APT::Sandbox::User=root", "download", "linux-image-"+version); err != nil {
		return "", fmt.Errorf("%w (are the package lists old? apt-get update)", err)
	}
	debs, _ := filepath.Glob(filepath.Join(parts, "*.deb"))
	if len(debs) != 1 {
		return "", fmt.Errorf("download linux-image-%s: got %d packages", version, len(debs))
	}
	root := filepath.Join(parts, "root")
	if _, err := output(ctx, "", "dpkg-deb", "-x", debs[0], root); err != nil {
		return "", err
	}
	if _, err := output(ctx, "", "depmod", "-b", root, version); err != nil {
		return "", err
	}
	image := filepath.Join(root, "boot", "vmlinuz-"+version)
	if err := unpackImage(ctx, image, filepath.Join(root, "boot", "vmlinux-"+version)); err != nil {
		return "", err
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	return version, os.Rename(root, folder)
}

// parseDepends finds the kernel's version in what `apt-cache depends` says of Debian's kernel metapackage.
func parseDepends(text string) (string, error) {
	for line := range strings.Lines(text) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			return version, nil
		}
	}
	return "", errors.New("linux-image-amd64 depends on no kernel (are the package lists missing? apt-get update)")
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
