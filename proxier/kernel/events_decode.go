package kernel

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// link is what a message about a network interface says.
type link struct {
	index int
	name  string
}

// parseLink reads a struct ifinfomsg and the attributes behind it.
func parseLink(body []byte) (l link, err error) {
	if len(body) < unix.SizeofIfInfomsg {
		return l, wire.ErrMalformed
	}
	l.index = int(int32(binary.NativeEndian.Uint32(body[4:])))
	err = wire.EachAttribute(body[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) error {
		if kind == unix.IFLA_IFNAME {
			l.name = wire.Text(v)
		}
		return nil
	})
	return l, err
}

// bound is what a message about an address says.
type bound struct {
	link int
	addr netip.Addr
	bits int // of the address that are the network's
}

// parseAddress reads a struct ifaddrmsg and the attributes behind it. The
// address of the interface itself is the local one, where there is another.
func parseAddress(body []byte) (b bound, err error) {
	if b.link, _, err = linkOfAddress(body); err != nil {
		return b, err
	}
	b.bits = int(body[1])
	err = wire.EachAttribute(body[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) error {
		if a, ok := netip.AddrFromSlice(v); ok && (kind == unix.IFA_LOCAL || kind == unix.IFA_ADDRESS && !b.addr.IsValid()) {
			b.addr = a.Unmap()
		}
		return nil
	})
	if err == nil && !b.addr.IsValid() {
		err = wire.ErrMalformed
	}
	return b, err
}

// linkOfAddress reads of such a message only whose address it is about, and of
// which family.
func linkOfAddress(body []byte) (link int, family uint8, err error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return 0, 0, wire.ErrMalformed
	}
	return int(int32(binary.NativeEndian.Uint32(body[4:]))), body[0], nil
}

// concernsRules tells whether a message of nftables is about a chain of ours, a
// built-in chain, or a table that has gone, in the families of iptables.
// Others' chains change with every Pod on some nodes.
func concernsRules(kind uint16, body []byte) bool {
	if kind>>8 != unix.NFNL_SUBSYS_NFTABLES || len(body) < nl.SizeofNfgenmsg {
		return false
	}
	if _, known := nftFamilies[body[0]]; !known {
		return false
	}
	var name uint16 = unix.NFTA_RULE_CHAIN
	switch kind & 0xff {
	case unix.NFT_MSG_DELTABLE:
		return true
	case unix.NFT_MSG_NEWCHAIN, unix.NFT_MSG_DELCHAIN:
		name = unix.NFTA_CHAIN_NAME
	case unix.NFT_MSG_NEWRULE, unix.NFT_MSG_DELRULE:
	default:
		return false
	}
	concerned := false
	err := wire.EachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) error {
		if kind == name {
			concerned = ofInterest(wire.Text(v))
		}
		return nil
	})
	return concerned || err != nil
}

func ofInterest(chain string) bool {
	return xtables.Place{Chain: chain}.BuiltIn() || strings.HasPrefix(chain, state.Prefix4) || strings.HasPrefix(chain, state.Prefix6)
}
