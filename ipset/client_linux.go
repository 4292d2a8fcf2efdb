package ipset

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// Client talks to the kernel about the sets of one network namespace. One
// goroutine at a time may use it.
//
// Every verb can be repeated: when an error other than a refusal leaves open
// whether the kernel has done it, doing it again is the way to find out.
type Client struct {
	conn *wire.Conn

	// Known are the sets that the kernel has described, so that a change need
	// not ask again. One that refuses anything is asked for anew.
	known map[string]Set
}

// Open returns a Client for the network namespace of the calling thread, where
// all its use must remain. It changes nothing in the kernel and does not find
// out whether the kernel has sets at all.
func Open() (*Client, error) {
	conn, err := wire.Dial(unix.NETLINK_NETFILTER, wire.EchoRequests)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn}, nil
}

// Close ends the use of c.
func (c *Client) Close() { _ = c.conn.Close() }

// Create makes an empty set. A set that is there already and has the same
// type, family and size is kept with its members; ErrMismatch if it differs.
func (c *Client) Create(s Set) error {
	err := c.ask(nl.IPSET_CMD_CREATE, createRequest(s), unexpected)
	if err == nil {
		err = c.confirm(s)
	}
	if err != nil {
		return fmt.Errorf("create set %s: %w", s, err)
	}
	return nil
}

// confirm is needed because the kernel compares type, size and options of a
// set that exists, but not its family.
func (c *Client) confirm(s Set) error {
	have, err := c.header(s.Name)
	if err == nil && have.Family != s.Family {
		err = fmt.Errorf("%w: it is %s", ErrMismatch, have.Family)
	}
	return err
}

// Destroy removes a set with its members. A set that does not exist is no
// error; ErrBusy if something refers to it.
func (c *Client) Destroy(name string) error {
	delete(c.known, name)
	err := c.ask(nl.IPSET_CMD_DESTROY, about(name), unexpected)
	// Linux 6.1 has no error for this, older kernels have.
	if err != nil && !errors.Is(err, ErrNotExist) {
		return fmt.Errorf("destroy set %s: %w", name, err)
	}
	return nil
}

// Swap exchanges the members and sizes of two sets at once: what refers to
// one of the names finds the other's members from now on. ErrNotExist if either
// set does not exist, ErrMismatch if types or families differ.
func (c *Client) Swap(a, b string) error {
	delete(c.known, a)
	delete(c.known, b)
	if err := c.ask(nl.IPSET_CMD_SWAP, swapRequest(a, b), unexpected); err != nil {
		return fmt.Errorf("swap sets %s and %s: %w", a, b, err)
	}
	return nil
}

// describe tells the type and family of a set, asking only once.
func (c *Client) describe(name string) (Set, error) {
	if s, known := c.known[name]; known {
		return s, nil
	}
	return c.header(name)
}

// header asks for the type and family of a set; the size is not told.
func (c *Client) header(name string) (Set, error) {
	delete(c.known, name)
	var p portion
	err := c.ask(nl.IPSET_CMD_HEADER, about(name), func(msg []byte) (err error) {
		p, err = parsePortion(msg)
		return err
	})
	if err == nil && p.set.Name != name {
		err = fmt.Errorf("%w: about set %q", wire.ErrMalformed, p.set.Name)
	}
	if err == nil {
		if c.known == nil {
			c.known = map[string]Set{}
		}
		c.known[name] = p.set
	}
	return p.set, err
}
