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
	out, err := decompress(ctx, packed)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", image, err)
	}
	return os.WriteFile(vmlinux, out, 0o644)
}

// decompressors are the programs for data that begins in such a way.
var decompressors = []struct{ magic, program string }{
	{"\xfd7zXZ\x00", "xz"},
	{"\x28\xb5\x2f\xfd", "zstd"},
}

// decompress unpacks what one of the decompressors knows; other data are answered as they are.
func decompress(ctx context.Context, data []byte) ([]byte, error) {
	for _, d := range decompressors {
		if !bytes.HasPrefix(data, []byte(d.magic)) {
			continue
		}
		cmd := exec.CommandContext(ctx, d.program, "--decompress", "--stdout")
		cmd.Stdin, cmd.Stderr = bytes.NewReader(data), os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.program, err)
		}
		return out, nil
	}
	return data, nil
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
	// Behind the stream the kernel has put its size.
	const size = 4
	packed := image[from:max(from, to-size)]
	for _, d := range decompressors {
		if bytes.HasPrefix(packed, []byte(d.magic)) {
			return packed, nil
		}
	}
	return nil, fmt.Errorf("payload is compressed by neither xz nor zstd")
}
