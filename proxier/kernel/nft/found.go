package nft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// found is what there is of our table of one family.
type found struct {
	table   table
	there   bool
	dormant bool // its chains see no packets
	chains  map[string]foundChain
	sets    map[string]shape
}

type foundChain struct {
	at       place
	drops    bool     // what reaches its end
	comments []string // of its rules, in order; empty ones of rules that are not ours
}

// ErrForeign says that a table bears the name of ours and was made by another
// program.
var ErrForeign = errors.New("another program's")

// read fails with ErrForeign where the table has chains or sets that we do not
// make.
func (t table) read(c *wire.Conn) (now found, err error) {
	now = found{table: t, chains: map[string]foundChain{}, sets: map[string]shape{}}
	of := text(unix.NFTA_TABLE_NAME, t.name) // the attribute has the same number in all requests
	steps := []struct {
		command uint16
		take    func(map[uint16][]byte)
	}{
		{unix.NFT_MSG_GETTABLE, now.takeTable},
		{unix.NFT_MSG_GETCHAIN, now.takeChain},
		{unix.NFT_MSG_GETSET, now.takeSet},
		{unix.NFT_MSG_GETRULE, now.takeRule},
	}
	for i, s := range steps {
		if i > 0 && !now.there {
			break
		}
		if err := list(c, t.request(s.command, 0, of), s.take); err != nil {
			return now, fmt.Errorf("read table %s of nftables: %w", t, err)
		}
	}
	var foreign []string
	for name := range now.chains {
		if !ourName(name) {
			foreign = append(foreign, "chain "+name)
		}
	}
	for name := range now.sets {
		if !ourName(name) {
			foreign = append(foreign, "set "+name)
		}
	}
	if len(foreign) > 0 {
		return now, fmt.Errorf("table %s of nftables is %w: it has %s", t, ErrForeign, slices.Min(foreign))
	}
	return now, nil
}

// list hands out the attributes of each object, all of them or there is an
// error; where there is nothing of this name there are none.
func list(c *wire.Conn, r wire.Request, take func(map[uint16][]byte)) error {
	err := c.Objects(r, func(_ uint8, attributes map[uint16][]byte) { take(attributes) })
	return wire.Translate(err, map[unix.Errno]error{unix.ENOENT: nil})
}

func (now *found) takeTable(a map[uint16][]byte) {
	if wire.Text(a[unix.NFTA_TABLE_NAME]) == now.table.name {
		now.there = true
		now.dormant = big(a[unix.NFTA_TABLE_FLAGS])&tableDormant != 0
	}
}

// big is a number in network byte order; what is not there is zero.
func big(v []byte) uint32 {
	if len(v) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(v)
}

func (now *found) takeChain(a map[uint16][]byte) {
	if wire.Text(a[unix.NFTA_CHAIN_TABLE]) != now.table.name {
		return
	}
	var c foundChain
	if hook, err := wire.Attributes(a[unix.NFTA_CHAIN_HOOK]); err == nil && len(hook) > 0 {
		c.at = place{big(hook[unix.NFTA_HOOK_HOOKNUM]), int32(big(hook[unix.NFTA_HOOK_PRIORITY])), wire.Text(a[unix.NFTA_CHAIN_TYPE])}
		c.drops = big(a[unix.NFTA_CHAIN_POLICY]) != nfAccept
	}
	now.chains[wire.Text(a[unix.NFTA_CHAIN_NAME])] = c
}

func (now *found) takeSet(a map[uint16][]byte) {
	if wire.Text(a[unix.NFTA_SET_TABLE]) == now.table.name {
		now.sets[wire.Text(a[unix.NFTA_SET_NAME])] = shape{big(a[unix.NFTA_SET_KEY_TYPE]), big(a[unix.NFTA_SET_KEY_LEN]), big(a[unix.NFTA_SET_FLAGS])}
	}
}

func (now *found) takeRule(a map[uint16][]byte) {
	name := wire.Text(a[unix.NFTA_RULE_CHAIN])
	c, known := now.chains[name]
	if wire.Text(a[unix.NFTA_RULE_TABLE]) != now.table.name || !known {
		return
	}
	var said string
	if data := a[unix.NFTA_RULE_USERDATA]; len(data) > 2 && data[0] == 0 {
		said = wire.Text(data[2:])
	}
	c.comments = append(c.comments, said)
	now.chains[name] = c
}
