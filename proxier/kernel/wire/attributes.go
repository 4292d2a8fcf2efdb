package wire

import (
	"encoding/binary"
	"fmt"
)

const attributeHeader = 4 // length and kind, two bytes each

// Append appends one attribute to b, which has been filled up to a multiple of
// four bytes.
func Append(b []byte, kind uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(attributeHeader+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// Append16 and Append32 append a number in the machine's byte order.
func Append16(b []byte, kind, value uint16) []byte {
	return Append(b, kind, binary.NativeEndian.AppendUint16(nil, value)...)
}

// Append32 is Append16 of a longer number.
func Append32(b []byte, kind uint16, value uint32) []byte {
	return Append(b, kind, binary.NativeEndian.AppendUint32(nil, value)...)
}

// AppendText appends a text with a zero byte behind it.
func AppendText(b []byte, kind uint16, text string) []byte {
	return Append(b, kind, append([]byte(text), 0)...)
}

// AppendNested appends an attribute that is made of those that fill appends.
func AppendNested(b []byte, kind uint16, fill func([]byte) []byte) []byte {
	start := len(b)
	b = fill(Append(b, kind))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// kindMask takes the flags off an attribute's kind.
const kindMask = 0x3fff

// EachAttribute hands out the attributes in b, in order and without the flags of
// their kinds, until take errs. The values lie in b.
func EachAttribute(b []byte, take func(kind uint16, value []byte) error) error {
	for len(b) > 0 {
		if len(b) < attributeHeader {
			return fmt.Errorf("%w: %d stray bytes", ErrMalformed, len(b))
		}
		length := int(binary.NativeEndian.Uint16(b))
		kind := binary.NativeEndian.Uint16(b[2:]) & kindMask
		if length < attributeHeader || length > len(b) {
			return fmt.Errorf("%w: attribute %d has %d bytes of %d", ErrMalformed, kind, length, len(b))
		}
		if err := take(kind, b[attributeHeader:length]); err != nil {
			return err
		}
		b = b[min(Align(length), len(b)):]
	}
	return nil
}

// Align is the place of what follows n bytes.
func Align(n int) int { return (n + 3) &^ 3 }
