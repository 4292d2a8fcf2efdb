package ipset

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// How often a listing that was not heard to the end is tried.
const attempts = 3

// Sets lists all sets of the namespace by name, without their members. Those of
// types that this package does not know are listed too, with Type zero.
func (c *Client) Sets() ([]Set, error) {
	var sets []Set
	err := c.list(headersRequest(), func() func([]byte) error {
		sets = nil
		return func(msg []byte) error {
			p, err := parsePortion(msg)
			if err == nil && p.typeName == "" {
				err = fmt.Errorf("%w: set %q without type", wire.ErrMalformed, p.set.Name)
			}
			sets = append(sets, p.set)
			return err
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list sets: %w", err)
	}
	slices.SortFunc(sets, func(a, b Set) int { return cmp.Compare(a.Name, b.Name) })
	return sets, nil
}

// Members lists one set, in no order: all its entries or an error, never a
// part. ErrNotExist if there is no such set, ErrMismatch if its type is not one
// of this package's.
func (c *Client) Members(name string) ([]Entry, error) {
	var l *listing
	err := c.list(about(name), func() func([]byte) error {
		l = &listing{set: Set{Name: name}}
		return l.take
	})
	if err == nil && !l.begun {
		err = fmt.Errorf("%w: empty listing", wire.ErrMalformed)
	}
	if err != nil {
		return nil, fmt.Errorf("list members of set %s: %w", name, err)
	}
	return l.entries, nil
}

// list asks for a listing, and again if it broke off; each attempt starts with
// nothing.
func (c *Client) list(request []byte, start func() func([]byte) error) error {
	var err error
	for range attempts {
		err = c.ask(nl.IPSET_CMD_LIST, request, start())
		if !errors.Is(err, wire.ErrInterrupted) && !errors.Is(err, wire.ErrNoAnswer) {
			break
		}
	}
	return err
}
