package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
)

const qemu = "qemu-system-x86_64"

// accelerator is how qemu runs the guest's instructions.
type accelerator struct {
	name string // of qemu
	kind string // for people
}

var (
	native   = accelerator{"kvm", "virtual"}
	emulated = accelerator{"tcg,thread=multi", "emulated"}
)

// chooseAccelerator answers with the quickest that works. That /dev/kvm can be opened proves little: inside another
// virtual machine qemu may still die of what it finds there. So it is asked to start and to quit.
func chooseAccelerator(ctx context.Context) accelerator {
	const read, write = 4, 2
	if syscall.Access("/dev/kvm", read|write) != nil {
		return emulated
	}
	cmd := exec.CommandContext(ctx, qemu, "-accel", native.name, "-cpu", "max", "-nodefaults", "-no-user-config",
		"-display", "none", "-S", "-monitor", "stdio")
	cmd.Stdin = strings.NewReader("quit\n")
	if cmd.Run() != nil {
		return emulated
	}
	return native
}

// hardware is what a virtual machine is started with.
type hardware struct {
	accelerator accelerator
	image       string // of the kernel
	initramfs   string
	console     string // log file
	share       string // folder, or empty
}

// bootOptions make a panic the end of qemu, an oops a panic, and save an emulated processor what is not looked at.
const bootOptions = "console=ttyS0 panic=-1 oops=panic reboot=t " +
	"quiet loglevel=4 mitigations=off nokaslr audit=0 apparmor=0 cryptomgr.notests tsc=reliable no_timer_check"

// args is qemu's command line. Of its files the third (counted from nought) and the next are the command's standard
// output and standard error and the status.
func (h hardware) args() []string {
	args := []string{
		"-accel", h.accelerator.name, "-cpu", "max", "-smp", "2", "-m", "6G",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", h.image, "-initrd", h.initramfs, "-append", bootOptions,
		"-chardev", "file,id=console,path=" + escape(h.console), "-serial", "chardev:console",
		"-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile=",
		"-fsdev", "local,id=host,path=/,readonly=on,security_model=none,multidevs=remap",
		"-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
		"-device", "virtio-serial-pci",
	}
	for i, port := range []string{"stdout", "stderr", "status"} {
		args = append(args,
			"-chardev", fmt.Sprintf("file,id=%s,path=/dev/fd/%d", port, i+3),
			"-device", fmt.Sprintf("virtserialport,chardev=%s,name=%s", port, port))
	}
	if h.share != "" {
		args = append(args,
			"-fsdev", "local,id=share,path="+escape(h.share)+",security_model=none,multidevs=remap",
			"-device", "virtio-9p-pci,fsdev=share,mount_tag=share")
	}
	return args
}

// escape writes a path into one of qemu's lists of options.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }
