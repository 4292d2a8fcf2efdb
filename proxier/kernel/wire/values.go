package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Values reads the values of attributes. Bad says that one did not have its
// length.
type Values struct{ Bad bool }

// Uint8 reads one byte.
func (in *Values) Uint8(v []byte) uint8 {
	if in.is(v, 1) {
		return v[0]
	}
	return 0
}

// Uint16 reads a number in the machine's byte order, as Uint32 does.
func (in *Values) Uint16(v []byte) uint16 {
	if in.is(v, 2) {
		return binary.NativeEndian.Uint16(v)
	}
	return 0
}

// Uint32 reads a number in the machine's byte order.
func (in *Values) Uint32(v []byte) uint32 {
	if in.is(v, 4) {
		return binary.NativeEndian.Uint32(v)
	}
	return 0
}

// Port reads a number in network byte order.
func (in *Values) Port(v []byte) uint16 {
	if in.is(v, 2) {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (in *Values) is(v []byte, length int) bool {
	in.Bad = in.Bad || len(v) != length
	return len(v) == length
}

// Text is what stands before the first zero byte.
func Text(v []byte) string {
	text, _, _ := bytes.Cut(v, []byte{0})
	return string(text)
}

// Port is one in network byte order.
func Port(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }

// AddressFamily is the kernel's number of that of an address.
func AddressFamily(a netip.Addr) uint16 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}
