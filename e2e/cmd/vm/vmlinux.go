package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
)

// unpackImage writes the kernel proper out of a bootable image, because an emulated processor takes some three seconds
// to do that at each start.
func unpackImage(ctx context.Context, image, vmlinux string) error {
	data, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	packed, err := payload(data)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", image, err)
	}
	// Behind the stream the kernel has put its size.
	cmd := exec.CommandContext(ctx, "xz", "--decompress", "--stdout", "--single-stream")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(packed), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("unpack %s: xz: %w", image, err)
	}
	return os.WriteFile(vmlinux, out, 0o644)
}

// payload is the compressed kernel in a bootable image, as Linux's boot protocol has it since 2.08.
func payload(image []byte) ([]byte, error) {
	const sectors, magic, version, offset, length, end = 0x1f1, 0x202, 0x206, 0x248, 0x24c, 0x250
	if len(image) < end || string(image[magic:magic+4]) != "HdrS" {
		return nil, fmt.Errorf("not a Linux kernel")
	}
	number := binary.LittleEndian
	if v := number.Uint16(image[version:]); v < 0x208 {
		return nil, fmt.Errorf("boot protocol %#x is older than 0x208", v)
	}
	from := (int(image[sectors])+1)*512 + int(number.Uint32(image[offset:]))
	to := from + int(number.Uint32(image[length:]))
	if to > len(image) {
		return nil, fmt.Errorf("payload ends at %d of %d bytes", to, len(image))
	}
	packed := image[from:to]
	if !bytes.HasPrefix(packed, []byte("\xfd7zXZ\x00")) {
		return nil, fmt.Errorf("payload is not compressed by xz")
	}
	return packed, nil
}
