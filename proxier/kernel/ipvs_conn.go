package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ipvsConn is a generic netlink socket to IPVS. The kernel numbers what can be
// reached that way when it is loaded: IPVS that was unloaded and loaded anew has
// another number, and under the old one nothing is there.
type ipvsConn struct {
	conn   *conn
	links  *netlink.Handle
	number uint16 // zero: without IPVS
}

// do is conn.do with IPVS.
func (c *ipvsConn) do(requests []request) []error {
	return c.ask(requests, func(int, []byte) {})
}

// ask is conn.ask with IPVS.
func (c *ipvsConn) ask(requests []request, reply func(i int, body []byte)) []error {
	errs := c.conn.ask(c.numbered(requests), reply)
	if slices.ContainsFunc(errs, absent) && c.renumbered() {
		errs = c.conn.ask(c.numbered(requests), reply) // none has reached it
	}
	return errs
}

// list is conn.list with IPVS.
func (c *ipvsConn) list(r request, take func(body []byte) error) error {
	r.kind = c.number
	err := c.conn.list(r, take)
	if absent(err) && c.renumbered() {
		r.kind = c.number
		err = c.conn.list(r, take)
	}
	return err
}

func (c *ipvsConn) numbered(requests []request) []request {
	for i := range requests {
		requests[i].kind = c.number
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
	probeErr := runTo(context.Background(), nil, "modprobe", "", "-a", "ip_vs", "ip_vs_"+scheduler)
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
		return fmt.Errorf("find IPVS: %w", translate(err, nil))
	}
	c.number = family.ID
	return nil
}

// dialIPVS opens a socket, which has yet to find IPVS.
func (k *Kernel) dialIPVS() (*ipvsConn, error) {
	c, err := dial(unix.NETLINK_GENERIC)
	return &ipvsConn{conn: c, links: k.links}, err
}
