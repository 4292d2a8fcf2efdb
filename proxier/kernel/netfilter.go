package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Messages and attributes of nfnetlink_acct, from linux/netfilter.
const (
	getAccount  = 1
	delAccount  = 3
	accountName = 1
)

// dump lists one kind of objects of netfilter: for each its family and
// attributes. A kernel without the subsystem has none.
func (k *Kernel) dump(subsystem, command uint16, each func(family uint8, attributes map[uint16][]byte)) error {
	var messages [][]byte
	r := request{kind: subsystem<<8 | command, body: netfilterHeader(unix.AF_UNSPEC, 0)}
	err := k.beside.netfilter.relist(r, func() { messages = nil }, func(body []byte) error {
		messages = append(messages, bytes.Clone(body))
		return nil
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return translate(err, nil)
	}
	for _, m := range messages {
		if len(m) < nl.SizeofNfgenmsg {
			return errShort
		}
		attributes := map[uint16][]byte{}
		if err := eachAttribute(m[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) { attributes[kind] = v }); err != nil {
			return err
		}
		each(m[0], attributes)
	}
	return nil
}

// nftFamilies are those that iptables and kube-proxy have tables in.
var nftFamilies = map[uint8]struct {
	word   string
	family ipset.Family
}{
	unix.NFPROTO_IPV4: {"ip", ipset.IPv4},
	unix.NFPROTO_IPV6: {"ip6", ipset.IPv6},
}

// nftables are the tables of nftables, "ip nat", iptables' own among them.
func (k *Kernel) nftables() (names []string, err error) {
	err = k.dump(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETTABLE, func(family uint8, a map[uint16][]byte) {
		if f, known := nftFamilies[family]; known {
			names = append(names, f.word+" "+ending(a[unix.NFTA_TABLE_NAME]))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list tables of nftables: %w", err)
	}
	return names, nil
}

// nftChains are the chains of all tables of nftables, those of iptables among
// them: without starting a program they tell whether iptables-nft has any of
// interest.
func (k *Kernel) nftChains() (chains map[ipset.Family][]xtables.Place, err error) {
	chains = map[ipset.Family][]xtables.Place{}
	err = k.dump(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETCHAIN, func(family uint8, a map[uint16][]byte) {
		if f, known := nftFamilies[family]; known {
			p := xtables.Place{Table: ending(a[unix.NFTA_CHAIN_TABLE]), Chain: ending(a[unix.NFTA_CHAIN_NAME])}
			chains[f.family] = append(chains[f.family], p)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list chains of nftables: %w", err)
	}
	return chains, nil
}

// accounts are the counters of nfacct.
func (k *Kernel) accounts() (names []string, err error) {
	err = k.dump(unix.NFNL_SUBSYS_ACCT, getAccount, func(_ uint8, a map[uint16][]byte) {
		names = append(names, ending(a[accountName]))
	})
	if err != nil {
		return nil, fmt.Errorf("list nfacct objects: %w", err)
	}
	return names, nil
}

// ending is a text that ends with a zero byte.
func ending(b []byte) string {
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text)
}

// netfilterHeader is a struct nfgenmsg. The resource is only used by messages
// around a transaction.
func netfilterHeader(family uint8, resource uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, nl.NFNETLINK_V0}, resource)
}

func deleteAccount(c *conn, name string) error {
	body := attribute(netfilterHeader(unix.AF_UNSPEC, 0), accountName, append([]byte(name), 0))
	err := c.do([]request{{kind: unix.NFNL_SUBSYS_ACCT<<8 | delAccount, body: body}})[0]
	return translate(err, map[unix.Errno]error{
		unix.ENOENT: nil,
		unix.EBUSY:  errors.New("a rule refers to it"),
	})
}

// deleteNFTable deletes a table, "ip kube-proxy", with everything in it, at
// once.
func deleteNFTable(c *conn, name string) error {
	for number, f := range nftFamilies {
		table, ours := bytes.CutPrefix([]byte(name), []byte(f.word+" "))
		if !ours {
			continue
		}
		body := attribute(netfilterHeader(number, 0), unix.NFTA_TABLE_NAME, append(table, 0))
		err := c.transact(unix.NFNL_SUBSYS_NFTABLES, request{kind: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELTABLE, body: body})
		return translate(err, map[unix.Errno]error{unix.ENOENT: nil})
	}
	return fmt.Errorf("no table of family ip or ip6: %q", name)
}

// transact sends a request between the two messages that nftables wants around
// each transaction. Those are not acknowledged by every kernel.
func (c *conn) transact(subsystem uint16, r request) error {
	edge := func(kind uint16) []byte {
		body := netfilterHeader(unix.AF_UNSPEC, subsystem)
		b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
		b = binary.NativeEndian.AppendUint16(b, kind)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
		return append(append(b, make([]byte, 8)...), body...)
	}
	inner, _ := c.pack([]request{r})
	errs := make([]error, 1)
	c.exchange(slices.Concat(edge(unix.NFNL_MSG_BATCH_BEGIN), inner, edge(unix.NFNL_MSG_BATCH_END)), errs, func(int, []byte) {})
	return errs[0]
}
