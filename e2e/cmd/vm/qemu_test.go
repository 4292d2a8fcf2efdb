package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHardwareArgs(t *testing.T) {
	h := hardware{accelerator: emulated, image: "/c/vmlinux", initramfs: "/c/initramfs", console: "/c/a,b.log"}
	args := h.args()
	text := strings.Join(args, " ")
	for _, want := range []string{"-accel tcg,thread=multi", "path=/c/a,,b.log", "path=/,readonly=on"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "id=share") {
		t.Errorf("a share in %s", text)
	}
	// child.Command's extra files begin at 3, in the order of the arguments of ports.
	if want := []string{"stdout,path=/dev/fd/3", "stderr,path=/dev/fd/4", "status,path=/dev/fd/5"}; !slices.Equal(
		regexp.MustCompile(`\w+,path=/dev/fd/\d`).FindAllString(text, -1), want) {
		t.Errorf("not %q in %s", want, text)
	}
	if i := slices.Index(args, "-append"); args[i+1] != bootOptions {
		t.Errorf("-append %q", args[i+1])
	}

	h.share = "/out,put"
	if text := strings.Join(h.args(), " "); !strings.Contains(text, "id=share,path=/out,,put,") {
		t.Errorf("no share in %s", text)
	}
}

func TestBootOptions(t *testing.T) {
	// Without these a dead guest would hang instead of ending qemu.
	for _, want := range []string{"panic=-1", "oops=panic"} {
		if !slices.Contains(strings.Fields(bootOptions), want) {
			t.Errorf("no %s in %s", want, bootOptions)
		}
	}
}
