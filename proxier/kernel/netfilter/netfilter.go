package netfilter

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Messages and attributes of nfnetlink_acct, from linux/netfilter.
const (
	getAccount  = 1
	delAccount  = 3
	accountName = 1
)

// Conn asks and changes the objects of one network namespace.
type Conn struct{ *wire.Conn }

// Dial opens a socket in the network namespace of this thread.
func Dial() (Conn, error) {
	c, err := wire.Dial(unix.NETLINK_NETFILTER)
	return Conn{c}, err
}

// dump lists one kind of objects of netfilter: for each its family and
// attributes. A kernel without the subsystem has none.
func (c Conn) dump(subsystem, command uint16, each func(family uint8, attributes map[uint16][]byte)) error {
	err := c.Objects(wire.Request{Kind: subsystem<<8 | command, Body: wire.NetfilterHeader(unix.AF_UNSPEC, 0)}, each)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return wire.Translate(err, nil)
}

// families are those that iptables and kube-proxy have tables in.
var families = map[uint8]struct {
	word   string
	family ipset.Family
}{
	unix.NFPROTO_IPV4: {"ip", ipset.IPv4},
	unix.NFPROTO_IPV6: {"ip6", ipset.IPv6},
}

// TableName is how a table is named here, "ip nat".
func TableName(f ipset.Family, table string) string {
	for _, known := range families {
		if known.family == f {
			return known.word + " " + table
		}
	}
	return table
}

// Tables are those of nftables, "ip nat", iptables' own among them.
func (c Conn) Tables() (names []string, err error) {
	err = c.dump(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETTABLE, func(family uint8, a map[uint16][]byte) {
		if f, known := families[family]; known {
			names = append(names, f.word+" "+wire.Text(a[unix.NFTA_TABLE_NAME]))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list tables of nftables: %w", err)
	}
	return names, nil
}

// Chains are those of all tables of nftables, those of iptables among
// them: without starting a program they tell whether iptables-nft has any of
// interest.
func (c Conn) Chains() (chains map[ipset.Family][]xtables.Place, err error) {
	chains = map[ipset.Family][]xtables.Place{}
	err = c.dump(unix.NFNL_SUBSYS_NFTABLES, unix.NFT_MSG_GETCHAIN, func(family uint8, a map[uint16][]byte) {
		if f, known := families[family]; known {
			p := xtables.Place{Table: wire.Text(a[unix.NFTA_CHAIN_TABLE]), Chain: wire.Text(a[unix.NFTA_CHAIN_NAME])}
			chains[f.family] = append(chains[f.family], p)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list chains of nftables: %w", err)
	}
	return chains, nil
}

// Accounts are the counters of nfacct.
func (c Conn) Accounts() (names []string, err error) {
	err = c.dump(unix.NFNL_SUBSYS_ACCT, getAccount, func(_ uint8, a map[uint16][]byte) {
		names = append(names, wire.Text(a[accountName]))
	})
	if err != nil {
		return nil, fmt.Errorf("list nfacct objects: %w", err)
	}
	return names, nil
}

// DeleteAccount deletes one of them; that it is not there is no error.
func (c Conn) DeleteAccount(name string) error {
	body := wire.Append(wire.NetfilterHeader(unix.AF_UNSPEC, 0), accountName, append([]byte(name), 0)...)
	err := c.Do([]wire.Request{{Kind: unix.NFNL_SUBSYS_ACCT<<8 | delAccount, Body: body}})[0]
	return wire.Translate(err, map[unix.Errno]error{
		unix.ENOENT: nil,
		unix.EBUSY:  errors.New("a rule refers to it"),
	})
}

// DeleteTable deletes a table, "ip kube-proxy", with everything in it, at
// once.
func (c Conn) DeleteTable(name string) error {
	for number, f := range families {
		table, ours := bytes.CutPrefix([]byte(name), []byte(f.word+" "))
		if !ours {
			continue
		}
		body := wire.Append(wire.NetfilterHeader(number, 0), unix.NFTA_TABLE_NAME, append(table, 0)...)
		err := c.Transact(unix.NFNL_SUBSYS_NFTABLES, []wire.Request{{Kind: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_DELTABLE, Body: body}})[0]
		return wire.Translate(err, map[unix.Errno]error{unix.ENOENT: nil})
	}
	return fmt.Errorf("no table of family ip or ip6: %q", name)
}
