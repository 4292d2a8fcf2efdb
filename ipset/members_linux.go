package ipset

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// perMessage entries go into one message. Measured, more of them are not
// faster; the longest kind of entry takes 84 bytes, and a nested attribute must
// stay below 64 KiB.
const perMessage = 500

// Add puts entries into a set and answers each: nil if the set holds it now,
// also if it did before. ErrFull, ErrInvalid or ErrMismatch for one entry leave
// the others to go in; ErrNotExist concerns all.
func (c *Client) Add(set string, entries []Entry) []error {
	errs := c.change(nl.IPSET_CMD_ADD, set, entries)
	return explain("add %s to set %s: %w", set, entries, errs)
}

// Remove takes entries out of a set and answers each: nil if the set does not
// hold it now, also if it did not before.
func (c *Client) Remove(set string, entries []Entry) []error {
	errs := c.change(nl.IPSET_CMD_DEL, set, entries)
	return explain("remove %s from set %s: %w", set, entries, errs)
}

func explain(format, set string, entries []Entry, errs []error) []error {
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf(format, entries[i], set, err)
		}
	}
	return errs
}

// change has to know the set's type first: on an entry of another type the
// kernel breaks a message off without naming the entry, or takes it for one of
// its own.
func (c *Client) change(command int, name string, entries []Entry) []error {
	errs := make([]error, len(entries))
	if len(entries) == 0 {
		return errs
	}
	set, err := c.describe(name)
	var due []int
	for i, e := range entries {
		errs[i] = err
		if err == nil {
			errs[i] = set.Accepts(e)
		}
		if errs[i] == nil {
			due = append(due, i)
		}
	}
	for size := perMessage; len(due) > 0; {
		n := min(len(due), size)
		err := c.ask(command, changeRequest(name, pick(entries, due[:n])), unexpected)
		refused, ok := errors.AsType[*refusal](err)
		if err != nil {
			delete(c.known, name)
		}
		switch {
		case err == nil:
			size = min(2*size, perMessage)
		case !ok:
			n = len(due) // nor would the kernel answer the next message
			blame(errs, due, err)
		case refused.line < 1 || refused.line > n:
			blame(errs, due[:n], err)
		default:
			n = refused.line
			blame(errs, due[n-1:n], err)
			// The rest has to be sent again, in vain where a set is full.
			size = max(1, size/2)
		}
		due = due[n:]
	}
	return errs
}

func pick(entries []Entry, which []int) []Entry {
	picked := make([]Entry, len(which))
	for i, j := range which {
		picked[i] = entries[j]
	}
	return picked
}

func blame(errs []error, which []int, err error) {
	for _, i := range which {
		errs[i] = err
	}
}
