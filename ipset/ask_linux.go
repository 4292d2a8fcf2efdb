package ipset

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// ask sends one request and hands the messages of its answer to take. A
// *refusal is the kernel's own error.
func (c *Client) ask(command int, body []byte, take func(msg []byte) error) error {
	r := wire.Request{
		Kind:  unix.NFNL_SUBSYS_IPSET<<8 | uint16(command),
		Flags: uint16(nl.GetIpsetFlags(command)),
		Body:  body,
	}
	var err error
	if command == nl.IPSET_CMD_LIST {
		err = c.conn.List(r, take)
	} else {
		err = c.conn.Ask([]wire.Request{r}, func(_ int, msg []byte) error { return take(msg) })[0]
	}
	if r, refused := errors.AsType[*wire.Refusal](err); refused {
		return &refusal{code: r.Errno, line: parseLine(r.Request)}
	}
	return err
}

// unexpected is for requests that are answered by a verdict alone.
func unexpected(msg []byte) error {
	return fmt.Errorf("%w: %d bytes too many", wire.ErrMalformed, len(msg))
}
