package main

import (
	"bytes"
	"context"
	"debug/elf"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

var (
	//go:embed guest/init.sh
	initScript []byte
	//go:embed guest/inside.sh
	insideScript []byte
)

// bootModules are those without which the root folder, the network and the way out are not there. All others are loaded
// by the program that needs them.
var bootModules = []string{"virtio_pci", "virtio_net", "virtio_console", "9pnet_virtio", "9p", "overlay"}

// initramfs is the archive with which k comes up and runs what the two scripts say. It is made afresh each time, which
// takes some milliseconds.
func initramfs(ctx context.Context, k kernel, folders folders, command string) ([]byte, error) {
	busybox, err := readBusybox()
	if err != nil {
		return nil, err
	}
	var a archive
	for _, name := range []string{"bin", "dev", "host", "memory", "modules", "proc", "root", "sys"} {
		a.folder(name)
	}
	a.file("init", initScript)
	a.file("inside.sh", insideScript)
	a.file("folders.sh", []byte(folders.script()))
	a.file("command.sh", []byte(command))
	a.file("bin/busybox", busybox)
	if err := addModules(ctx, &a, k); err != nil {
		return nil, fmt.Errorf("modules of %s: %w", k.version, err)
	}
	return a.bytes(), nil
}

// addModules adds the modules to boot with, named so that they sort in the order in which they can be loaded.
func addModules(ctx context.Context, a *archive, k kernel) error {
	text, err := os.ReadFile(filepath.Join(k.modules(), "modules.dep"))
	if err != nil {
		return err
	}
	ms, err := parseModules(string(text))
	if err != nil {
		return err
	}
	builtIn, err := os.ReadFile(filepath.Join(k.modules(), "modules.builtin"))
	if err != nil {
		return err
	}
	ms.builtIn(string(builtIn))
	files, err := ms.order(bootModules...)
	if err != nil {
		return err
	}
	for i, file := range files {
		data, err := os.ReadFile(filepath.Join(k.modules(), file))
		if err != nil {
			return err
		}
		// The insmod of busybox would hand compressed ones to a kernel that may not know how.
		if data, err = decompress(ctx, data); err != nil {
			return fmt.Errorf("unpack %s: %w", file, err)
		}
		a.file(fmt.Sprintf("modules/%02d-%s.ko", i, moduleName(file)), data)
	}
	return nil
}

// readBusybox reads this machine's busybox, which must run without a library.
func readBusybox() ([]byte, error) {
	file, err := exec.LookPath("busybox")
	if err != nil {
		return nil, need("busybox")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is not static: run e2e/cmd/vm/install.sh", file)
		}
	}
	return data, nil
}
