package nft

import (
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Numbers of linux/netfilter and linux/netfilter/nf_tables.h that package unix
// does not have.
const (
	nfDrop, nfAccept = 0, 1

	setInterval      = 1 << 2 // NFT_SET_INTERVAL
	setConcatenation = 1 << 7 // NFT_SET_CONCAT
	descConcat       = 2      // NFTA_SET_DESC_CONCAT
	fieldLength      = 1      // NFTA_SET_FIELD_LEN
	elementKeyEnd    = 10     // NFTA_SET_ELEM_KEY_END, since Linux 5.6

	tableDormant = 1 // NFT_TABLE_F_DORMANT
)

// table is one of nftables.
type table struct {
	family ipset.Family
	name   string
}

// ours is our table of a family.
func ours(f ipset.Family) table { return table{f, state.Table} }

// String is how nft writes it, "ip kube-ipvs".
func (t table) String() string {
	if t.family == ipset.IPv6 {
		return "ip6 " + t.name
	}
	return "ip " + t.name
}

// request is a message of nftables about the table.
func (t table) request(message, flags uint16, attributes ...[]byte) wire.Request {
	body := wire.NetfilterHeader(uint8(protocolFamily(t.family)), 0)
	for _, a := range attributes {
		body = append(body, a...)
	}
	return wire.Request{Kind: unix.NFNL_SUBSYS_NFTABLES<<8 | message, Flags: flags, Body: body}
}

func (t table) newTable() wire.Request {
	return t.request(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, text(unix.NFTA_TABLE_NAME, t.name), number(unix.NFTA_TABLE_FLAGS, 0))
}

func (t table) deleteTable() wire.Request {
	return t.request(unix.NFT_MSG_DELTABLE, 0, text(unix.NFTA_TABLE_NAME, t.name))
}

func (t table) newChain(c chain) wire.Request {
	attributes := [][]byte{text(unix.NFTA_CHAIN_TABLE, t.name), text(unix.NFTA_CHAIN_NAME, c.name)}
	if c.at != (place{}) {
		attributes = append(attributes, nested(unix.NFTA_CHAIN_HOOK,
			number(unix.NFTA_HOOK_HOOKNUM, c.at.hook), number(unix.NFTA_HOOK_PRIORITY, uint32(c.at.priority))),
			text(unix.NFTA_CHAIN_TYPE, c.at.kind), number(unix.NFTA_CHAIN_POLICY, nfAccept))
	}
	return t.request(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, attributes...)
}

func (t table) deleteChain(name string) wire.Request {
	return t.request(unix.NFT_MSG_DELCHAIN, 0, text(unix.NFTA_CHAIN_TABLE, t.name), text(unix.NFTA_CHAIN_NAME, name))
}

// emptyChain deletes all rules of a chain.
func (t table) emptyChain(name string) wire.Request {
	return t.request(unix.NFT_MSG_DELRULE, 0, text(unix.NFTA_RULE_TABLE, t.name), text(unix.NFTA_RULE_CHAIN, name))
}

// comment is how the program nft keeps one with a rule: kind 0 and length, and a
// zero byte at the end.
func comment(text string) []byte {
	return append([]byte{0, byte(len(text) + 1)}, append([]byte(text), 0)...)
}

func (t table) newRule(chain string, r rule) wire.Request {
	return t.request(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND,
		text(unix.NFTA_RULE_TABLE, t.name), text(unix.NFTA_RULE_CHAIN, chain),
		nested(unix.NFTA_RULE_EXPRESSIONS, r.code), wire.Append(nil, unix.NFTA_RULE_USERDATA, comment(r.comment)...))
}

// newSet makes a set; number tells it from the others of the same transaction.
func (t table) newSet(s set, id uint32) wire.Request {
	attributes := [][]byte{
		text(unix.NFTA_SET_TABLE, t.name), text(unix.NFTA_SET_NAME, s.name), number(unix.NFTA_SET_ID, id),
		number(unix.NFTA_SET_KEY_TYPE, s.datatype()), number(unix.NFTA_SET_KEY_LEN, s.keyLength()), number(unix.NFTA_SET_FLAGS, s.flags()),
	}
	if s.interval {
		var lengths [][]byte
		for _, field := range s.fields {
			lengths = append(lengths, nested(unix.NFTA_LIST_ELEM, number(fieldLength, field.length)))
		}
		attributes = append(attributes, nested(unix.NFTA_SET_DESC, nested(descConcat, lengths...)))
	}
	return t.request(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attributes...)
}

func (t table) deleteSet(name string) wire.Request {
	return t.request(unix.NFT_MSG_DELSET, 0, text(unix.NFTA_SET_TABLE, t.name), text(unix.NFTA_SET_NAME, name))
}

// element is a member of a set as the kernel has it; end is nil in sets without
// intervals.
type element struct{ key, end string }

// change adds or deletes elements, which may be there already when they are added.
func (t table) change(message uint16, set string, some []element) wire.Request {
	var flags uint16
	if message == unix.NFT_MSG_NEWSETELEM {
		flags = unix.NLM_F_CREATE
	}
	body := wire.AppendNested(nil, unix.NFTA_SET_ELEM_LIST_ELEMENTS|unix.NLA_F_NESTED, func(b []byte) []byte {
		for _, e := range some {
			b = wire.AppendNested(b, unix.NFTA_LIST_ELEM|unix.NLA_F_NESTED, func(b []byte) []byte {
				b = append(b, value(unix.NFTA_SET_ELEM_KEY, []byte(e.key))...)
				if e.end != "" {
					b = append(b, value(elementKeyEnd, []byte(e.end))...)
				}
				return b
			})
		}
		return b
	})
	return t.request(message, flags, text(unix.NFTA_SET_ELEM_LIST_TABLE, t.name), text(unix.NFTA_SET_ELEM_LIST_SET, set), body)
}
