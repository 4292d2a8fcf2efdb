package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// ipvsConn is a generic netlink socket to IPVS. The kernel numbers what can be
// reached that way when it is loaded: IPVS that was unloaded and loaded anew has
// another number, and under the old one nothing is there.
type ipvsConn struct {
	conn   *wire.Conn
	links  *netlink.Handle
	number uint16 // zero: without IPVS
}

// Do is that of the Conn, with IPVS.
func (c *ipvsConn) Do(requests []wire.Request) []error {
	return c.Ask(requests, func(int, []byte) error { return nil })
}

// Ask is that of the Conn, with IPVS.
func (c *ipvsConn) Ask(requests []wire.Request, reply func(i int, body []byte) error) []error {
	errs := c.conn.Ask(c.numbered(requests), reply)
	if slices.ContainsFunc(errs, absent) && c.renumbered() {
		errs = c.conn.Ask(c.numbered(requests), reply) // none has reached it
	}
	return errs
}

// List is that of the Conn, with IPVS.
func (c *ipvsConn) List(r wire.Request, take func(body []byte) error) error {
	r.Kind = c.number
	err := c.conn.List(r, take)
	if absent(err) && c.renumbered() {
		r.Kind = c.number
		err = c.conn.List(r, take)
	}
	return err
}

func (c *ipvsConn) numbered(requests []wire.Request) []wire.Request {
	for i := range requests {
		requests[i].Kind = c.number
	}
	return requests
}

// absent is also what IPVS says of a real server that is not there.
func absent(err error) bool { return errors.Is(err, unix.ENOENT) }

// renumbered tells whether IPVS has another number now. To ask has the kernel
// load it, where it can.
func (c *ipvsConn) renumbered() bool {
	before := c.number
	return before != 0 && c.find() == nil && c.number != before
}

// load finds IPVS. The kernel loads the module by itself when it can; modprobe is
// the second try.
func (c *ipvsConn) load(scheduler string) error {
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

func (c *ipvsConn) find() error {
	family, err := c.links.GenlFamilyGet("IPVS")
	if err != nil {
		return fmt.Errorf("find IPVS: %w", wire.Translate(err, nil))
	}
	c.number = family.ID
	return nil
}

// dialIPVS opens a socket, which has yet to find IPVS.
func (k *Kernel) dialIPVS() (*ipvsConn, error) {
	c, err := wire.Dial(unix.NETLINK_GENERIC)
	return &ipvsConn{conn: c, links: k.links}, err
}
