package nft

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// code is the expressions of one rule as the kernel takes them: attributes
// NFTA_LIST_ELEM, one after the other. A rule goes on as long as each of its
// expressions holds.
type code []byte

// first is the register that values are loaded into. A longer value, and the
// parts of a key behind it, take the registers that follow, four bytes each.
const first = unix.NFT_REG32_00

// The kernel's numbers that package unix does not have.
const (
	fibSource, fibDestination = 1, 2 // NFTA_FIB_F_SADDR, NFTA_FIB_F_DADDR
	fibType                   = 3    // NFT_FIB_RESULT_ADDRTYPE
	randomFully               = 1 << 4
	translated                = 1 << 5 // IPS_DST_NAT
)

// Bits of a connection's state: NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h.
const (
	stateEstablished = 1 << 1
	stateRelated     = 1 << 2
	stateNew         = 1 << 3
)

// number is an attribute of four bytes; nftables has them in network byte order.
func number(kind uint16, value uint32) []byte {
	return wire.Append(nil, kind, binary.BigEndian.AppendUint32(nil, value)...)
}

func text(kind uint16, value string) []byte { return wire.AppendText(nil, kind, value) }

// nested is an attribute of attributes.
func nested(kind uint16, inner ...[]byte) []byte {
	return wire.AppendNested(nil, kind|unix.NLA_F_NESTED, func(b []byte) []byte {
		for _, a := range inner {
			b = append(b, a...)
		}
		return b
	})
}

// value is an attribute with a constant that registers are compared with.
func value(kind uint16, v []byte) []byte {
	return nested(kind, wire.Append(nil, unix.NFTA_DATA_VALUE, v...))
}

// own is a number in the machine's byte order, as registers hold what is not
// from a packet.
func own(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func (c code) add(name string, attributes ...[]byte) code {
	return append(c, nested(unix.NFTA_LIST_ELEM, text(unix.NFTA_EXPR_NAME, name), nested(unix.NFTA_EXPR_DATA, attributes...))...)
}

// payload loads a part of the packet.
func (c code) payload(register, base, offset, length uint32) code {
	return c.add("payload", number(unix.NFTA_PAYLOAD_DREG, register), number(unix.NFTA_PAYLOAD_BASE, base),
		number(unix.NFTA_PAYLOAD_OFFSET, offset), number(unix.NFTA_PAYLOAD_LEN, length))
}

func (c code) meta(register, key uint32) code {
	return c.add("meta", number(unix.NFTA_META_DREG, register), number(unix.NFTA_META_KEY, key))
}

func (c code) ct(key uint32) code {
	return c.add("ct", number(unix.NFTA_CT_DREG, first), number(unix.NFTA_CT_KEY, key))
}

// compare goes on if the register holds v, or with not if it does not.
func (c code) compare(not bool, v []byte) code {
	op := uint32(unix.NFT_CMP_EQ)
	if not {
		op = unix.NFT_CMP_NEQ
	}
	return c.add("cmp", number(unix.NFTA_CMP_SREG, first), number(unix.NFTA_CMP_OP, op), value(unix.NFTA_CMP_DATA, v))
}

// bits sets the register to (register & mask) ^ xor.
func (c code) bits(mask, xor []byte) code {
	return c.add("bitwise", number(unix.NFTA_BITWISE_SREG, first), number(unix.NFTA_BITWISE_DREG, first),
		number(unix.NFTA_BITWISE_LEN, uint32(len(mask))), value(unix.NFTA_BITWISE_MASK, mask), value(unix.NFTA_BITWISE_XOR, xor))
}

// any goes on if the register has one of the bits, or with not if it has none.
func (c code) any(not bool, bits uint32) code {
	return c.bits(own(bits), own(0)).compare(!not, own(0))
}

// lookup goes on if the registers are a key of the set, or with not if they are not.
func (c code) lookup(not bool, set string) code {
	var flags uint32
	if not {
		flags = unix.NFT_LOOKUP_F_INV
	}
	return c.add("lookup", text(unix.NFTA_LOOKUP_SET, set), number(unix.NFTA_LOOKUP_SREG, first), number(unix.NFTA_LOOKUP_FLAGS, flags))
}

// verdict ends the rule; chain is where to, of a jump.
func (c code) verdict(is int32, chain string) code {
	attributes := number(unix.NFTA_VERDICT_CODE, uint32(is))
	if chain != "" {
		attributes = append(attributes, text(unix.NFTA_VERDICT_CHAIN, chain)...)
	}
	return c.add("immediate", number(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT),
		nested(unix.NFTA_IMMEDIATE_DATA, nested(unix.NFTA_DATA_VERDICT, attributes)))
}

// mark writes (mark & mask) ^ xor.
func (c code) mark(mask, xor uint32) code {
	return c.meta(first, unix.NFT_META_MARK).bits(own(mask), own(xor)).
		add("meta", number(unix.NFTA_META_KEY, unix.NFT_META_MARK), number(unix.NFTA_META_SREG, first))
}
