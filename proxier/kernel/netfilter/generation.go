package netfilter

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// Generation numbers the states of nftables in this network namespace: each
// change of anybody's begins a new one.
type Generation struct {
	id    uint32
	Known bool // false without nftables, and with the legacy backend
}

// Generation asks for the present one. An error means only that the rules have
// to be read.
func (c Conn) Generation() (g Generation) {
	r := wire.Request{Kind: unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN, Body: wire.NetfilterHeader(unix.AF_UNSPEC, 0)}
	errs := c.Ask([]wire.Request{r}, func(_ int, body []byte) (err error) {
		g, err = parseGeneration(body)
		return err
	})
	if errs[0] != nil {
		return Generation{}
	}
	return g
}

func parseGeneration(body []byte) (g Generation, err error) {
	if len(body) < nl.SizeofNfgenmsg {
		return g, wire.ErrMalformed
	}
	err = wire.EachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) error {
		if kind == unix.NFTA_GEN_ID && len(v) >= 4 {
			g = Generation{binary.BigEndian.Uint32(v), true}
		}
		return nil
	})
	return g, err
}
