package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestKernelPackages(t *testing.T) {
	meta := parseDepends("linux-image-amd64\n  Depends: linux-base-amd64\n  Depends: linux-image-7.2.13+deb14-amd64\n |Recommends: something\n")
	if got := kernelRelease(meta); got != "7.2.13+deb14-amd64" {
		t.Errorf("kernelRelease(%q) = %q", meta, got)
	}
	if got := kernelRelease(parseDepends("linux-image-amd64\n  Recommends: apparmor\n")); got != "" {
		t.Errorf("kernelRelease = %q, want none", got)
	}
	for _, c := range []struct {
		release string
		depends []string
		want    string
	}{
		{"6.1.0-56-amd64", []string{"kmod", "linux-base", "<linux-initramfs-tool>"}, "linux-image-6.1.0-56-amd64"},
		{"7.2.13-amd64", []string{"dracut", "linux-binary-7.2.13-amd64"}, "linux-image-7.2.13-amd64 linux-binary-7.2.13-amd64"},
	} {
		if got := strings.Join(kernelParts(c.release, c.depends), " "); got != c.want {
			t.Errorf("kernelParts(%s) = %s, want %s", c.release, got, c.want)
		}
	}
}

func TestParseMirror(t *testing.T) {
	const own = "Debian-Security http://mirror.example/security/\nDebian http://mirror.example/debian/\n"
	for text, want := range map[string]string{own: "http://mirror.example/debian", "": ""} {
		if got, ok := parseMirror(text); got != want || ok != (want != "") {
			t.Errorf("parseMirror(%q) = %q, %t, want %q", text, got, ok, want)
		}
	}
}

// image is a bootable image of three sectors of set-up and then some bytes and the payload.
func image(payload string) []byte {
	const setup, gap = 3 * 512, 16
	payload += "size"
	b := make([]byte, setup+gap)
	b[0x1f1] = 2
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x206:], 0x20f)
	binary.LittleEndian.PutUint32(b[0x248:], gap)
	binary.LittleEndian.PutUint32(b[0x24c:], uint32(len(payload)))
	return slices.Concat(b, []byte(payload+"what follows"))
}

func TestPayload(t *testing.T) {
	const packed = "\xfd7zXZ\x00 and so on"
	for _, packed := range []string{packed, "\x28\xb5\x2f\xfd and so on"} {
		if got, err := payload(image(packed)); err != nil || string(got) != packed {
			t.Errorf("payload = %q, %v", got, err)
		}
	}

	old := image(packed)
	binary.LittleEndian.PutUint16(old[0x206:], 0x207)
	bad := map[string][]byte{
		"0x208":             old,
		"by neither":        image("\x1f\x8b gzip"),
		"not a Linux":       []byte("MZ"),
		"payload ends at":   image(packed)[:3*512+20],
		"not a Linux kerne": make([]byte, 4096),
	}
	for want, data := range bad {
		if got, err := payload(data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("payload = %q, %v; want an error with %q", got, err, want)
		}
	}
}

func TestNeed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := need("qemu-system-x86_64"); err == nil || !strings.Contains(err.Error(), "install.sh") {
		t.Errorf("need = %v, want an error that names install.sh", err)
	}
}

func TestTail(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(file, []byte("1\n2\n3\n4"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := tail(file, 3); got != "2\n3\n4" {
		t.Errorf("tail = %q", got)
	}
}
