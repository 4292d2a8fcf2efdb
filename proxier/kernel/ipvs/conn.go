package ipvs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// conn is a generic netlink socket to IPVS. The kernel numbers what can be
// reached that way when it is loaded: IPVS that was unloaded and loaded anew has
// another number, and under the old one nothing is there.
type conn struct {
	*wire.Conn
	number uint16 // zero: without IPVS
}

// Do is that of the Conn, with IPVS.
func (c *conn) Do(requests []wire.Request) []error {
	return c.Ask(requests, func(int, []byte) error { return nil })
}

// Ask is that of the Conn, with IPVS.
func (c *conn) Ask(requests []wire.Request, reply func(i int, body []byte) error) []error {
	errs := c.Conn.Ask(c.numbered(requests), reply)
	if slices.ContainsFunc(errs, absent) && c.renumbered() {
		errs = c.Conn.Ask(c.numbered(requests), reply) // none has reached it
	}
	return errs
}

// List is that of the Conn, with IPVS.
func (c *conn) List(r wire.Request, take func(body []byte) error) error {
	r.Kind = c.number
	err := c.Conn.List(r, take)
	if absent(err) && c.renumbered() {
		r.Kind = c.number
		err = c.Conn.List(r, take)
	}
	return err
}

func (c *conn) numbered(requests []wire.Request) []wire.Request {
	for i := range requests {
		requests[i].Kind = c.number
	}
	return requests
}

// absent is also what IPVS says of a real server that is not there.
func absent(err error) bool { return errors.Is(err, unix.ENOENT) }

// renumbered tells whether IPVS has another number now. To ask has the kernel
// load it, where it can.
func (c *conn) renumbered() bool {
	before := c.number
	return before != 0 && c.find() == nil && c.number != before
}

// load finds IPVS. The kernel loads the module by itself when it can; modprobe is
// the second try.
func (c *conn) load(scheduler string) error {
	err := c.find()
	if err == nil {
		return nil
	}
	probeErr := host.Run(context.Background(), nil, "modprobe", "", "-a", "ip_vs", "ip_vs_"+scheduler)
	if err = c.find(); err != nil && probeErr != nil {
		return fmt.Errorf("the kernel has no IPVS, and module ip_vs cannot be loaded: %w", probeErr)
	}
	if err != nil {
		return fmt.Errorf("the kernel has no IPVS: %w", err)
	}
	return nil
}

// find asks generic netlink for the number of the family.
func (c *conn) find() error {
	const name, version = "IPVS", 2
	body := wire.AppendText([]byte{unix.CTRL_CMD_GETFAMILY, version, 0, 0}, unix.CTRL_ATTR_FAMILY_NAME, name)
	number := uint16(0)
	err := c.Conn.Ask([]wire.Request{{Kind: unix.GENL_ID_CTRL, Body: body}}, func(_ int, body []byte) (err error) {
		number, err = readFamily(body)
		return err
	})[0]
	if err != nil {
		return fmt.Errorf("find IPVS: %w", wire.Translate(err, nil))
	}
	c.number = number
	return nil
}

func readFamily(body []byte) (number uint16, err error) {
	if len(body) < unix.GENL_HDRLEN {
		return 0, wire.ErrMalformed
	}
	var in wire.Values
	err = wire.EachAttribute(body[unix.GENL_HDRLEN:], func(kind uint16, v []byte) error {
		if kind == unix.CTRL_ATTR_FAMILY_ID {
			number = in.Uint16(v)
		}
		return nil
	})
	if err == nil && (in.Bad || number == 0) {
		err = wire.ErrMalformed
	}
	return number, err
}

// dial opens a socket, which has yet to find IPVS.
func dial() (*conn, error) {
	c, err := wire.Dial(unix.NETLINK_GENERIC)
	return &conn{Conn: c}, err
}

func (c *conn) close() error {
	if c == nil {
		return nil
	}
	return c.Close()
}
