package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseDepends(t *testing.T) {
	got, err := parseDepends("linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n |Recommends: something\n")
	if err != nil || got != "6.1.0-56-amd64" {
		t.Errorf("parseDepends = %q, %v", got, err)
	}
	if got, err := parseDepends("linux-image-amd64\n  Recommends: apparmor\n"); err == nil {
		t.Errorf("parseDepends = %q, want an error", got)
	}
}

// image is a bootable image of three sectors of set-up and then some bytes and the payload.
func image(payload string) []byte {
	const setup, gap = 3 * 512, 16
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
	if got, err := payload(image(packed)); err != nil || string(got) != packed {
		t.Errorf("payload = %q, %v", got, err)
	}

	old := image(packed)
	binary.LittleEndian.PutUint16(old[0x206:], 0x207)
	bad := map[string][]byte{
		"0x208":             old,
		"not compressed":    image("\x1f\x8b gzip"),
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
