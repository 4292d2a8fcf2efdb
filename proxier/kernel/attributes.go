package kernel

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("short netlink message")

const attributeHeader = 4 // length and kind, two bytes each

// attribute appends one netlink attribute to b.
func attribute(b []byte, kind uint16, value []byte) []byte {
	length := attributeHeader + len(value)
	b = binary.NativeEndian.AppendUint16(b, uint16(length))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align4(length)-length)...)
}

func attribute16(b []byte, kind, value uint16) []byte {
	return attribute(b, kind, binary.NativeEndian.AppendUint16(nil, value))
}

func attribute32(b []byte, kind uint16, value uint32) []byte {
	return attribute(b, kind, binary.NativeEndian.AppendUint32(nil, value))
}

// kindMask takes the flags off an attribute's kind.
const kindMask = 0x3fff

// eachAttribute hands out the attributes in b, in order. The values lie in b.
func eachAttribute(b []byte, take func(kind uint16, value []byte)) error {
	for len(b) > 0 {
		if len(b) < attributeHeader {
			return errShort
		}
		length := int(binary.NativeEndian.Uint16(b))
		if length < attributeHeader || length > len(b) {
			return errShort
		}
		take(binary.NativeEndian.Uint16(b[2:])&kindMask, b[attributeHeader:length])
		b = b[min(align4(length), len(b)):]
	}
	return nil
}

func align4(n int) int { return (n + 3) &^ 3 }
