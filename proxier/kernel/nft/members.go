package nft

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Members are the entries of the sets in our tables.
func (r *Rules) Members() reconcile.Kind[state.Member, state.None] {
	return MembersIn(r.members, r.served)
}

// MembersIn are those that one can read or change over a connection.
func MembersIn(c *wire.Conn, served *host.Served) reconcile.Kind[state.Member, state.None] {
	return members{c, served}
}

type members struct {
	conn   *wire.Conn
	served *host.Served
}

type op = reconcile.Op[state.Member, state.None]

// List has no members of sets that are not there: the next Prepare makes them.
func (m members) List(ctx context.Context) (map[state.Member]state.None, error) {
	rows := map[state.Member]state.None{}
	for _, f := range m.served.Families() {
		for _, s := range state.Sets() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			entries, err := m.entries(s, f)
			if err != nil {
				return nil, fmt.Errorf("of %s: %w", s.Name(f), err)
			}
			for _, e := range entries {
				rows[s.Holding(e)] = state.None{}
			}
		}
	}
	return rows, nil
}

func (m members) entries(s state.Set, f ipset.Family) (all []ipset.Entry, err error) {
	if networks(s) {
		n, err := m.readNetworks(s, f)
		return n.held(), err
	}
	found, err := ours(f).elements(m.conn, s.Name(f))
	if err != nil {
		return nil, err
	}
	for e := range found {
		e, ok := entry(s.Type(), f, []byte(e.key), nil)
		if !ok {
			return nil, wire.ErrMalformed
		}
		all = append(all, e)
	}
	return all, nil
}

// elements are the elements of one set; of one that is not there, none.
func (t table) elements(c *wire.Conn, set string) (all map[element]bool, err error) {
	r := t.request(unix.NFT_MSG_GETSETELEM, 0, text(unix.NFTA_SET_ELEM_LIST_TABLE, t.name), text(unix.NFTA_SET_ELEM_LIST_SET, set))
	all = map[element]bool{}
	var malformed error
	err = list(c, r, func(a map[uint16][]byte) {
		malformed = errors.Join(malformed, wire.EachAttribute(a[unix.NFTA_SET_ELEM_LIST_ELEMENTS], func(_ uint16, one []byte) error {
			e, err := readElement(one)
			all[e] = true
			return err
		}))
	})
	return all, errors.Join(err, malformed)
}

func readElement(b []byte) (e element, err error) {
	err = wire.EachAttribute(b, func(kind uint16, v []byte) error {
		if kind != unix.NFTA_SET_ELEM_KEY && kind != elementKeyEnd {
			return nil
		}
		data, err := wire.Attributes(v)
		if kind == elementKeyEnd {
			e.end = string(data[unix.NFTA_DATA_VALUE])
		} else {
			e.key = string(data[unix.NFTA_DATA_VALUE])
		}
		return err
	})
	return e, err
}

// elementsPerMessage bounds the list of elements in one message, an attribute
// of at most 64 KiB.
const elementsPerMessage = 500

// Apply carries out runs of ops of one verb on one set in one transaction each.
func (m members) Apply(_ context.Context, ops []op) []error {
	errs := make([]error, 0, len(ops))
	for run := range runs(ops) {
		member := run[0].Key
		if networks(member.Set) {
			errs = append(errs, m.applyNetworks(member.Set, member.Entry.Family(), run)...)
		} else {
			errs = append(errs, m.applyRun(run)...)
		}
	}
	return errs
}

// runs are ops in a row that one message can hold.
func runs(ops []op) iter.Seq[[]op] {
	return func(yield func([]op) bool) {
		for len(ops) > 0 {
			same := func(o op) bool {
				a, b := o.Key, ops[0].Key
				return a.Set == b.Set && a.Entry.Family() == b.Entry.Family() && (o.Verb == reconcile.Delete) == (ops[0].Verb == reconcile.Delete)
			}
			n := 1
			for n < len(ops) && n < elementsPerMessage && same(ops[n]) {
				n++
			}
			if !yield(ops[:n]) {
				return
			}
			ops = ops[n:]
		}
	}
}

// applyRun halves a run that is refused until it knows which of them are.
func (m members) applyRun(run []op) []error {
	set := run[0].Key
	f, message := set.Entry.Family(), uint16(unix.NFT_MSG_NEWSETELEM)
	if run[0].Verb == reconcile.Delete {
		message = unix.NFT_MSG_DELSETELEM
	}
	var some []element
	for _, o := range run {
		some = append(some, element{key: string(key(o.Key.Entry))})
	}
	err := m.conn.Transact(unix.NFNL_SUBSYS_NFTABLES, []wire.Request{ours(f).change(message, set.SetName(), some)})[0]
	var refusal *wire.Refusal
	if err == nil || !errors.As(err, &refusal) || len(run) == 1 {
		if message == unix.NFT_MSG_DELSETELEM && errors.Is(err, unix.ENOENT) {
			err = nil // it has gone, or its set
		}
		return slices.Repeat([]error{wire.Verdict(err, noSet)}, len(run))
	}
	half := len(run) / 2
	return append(m.applyRun(run[:half]), m.applyRun(run[half:])...)
}

// noSet is what it means that a member cannot be added for want of something.
var noSet = map[unix.Errno]error{unix.ENOENT: fmt.Errorf("the set is missing: %w", ipset.ErrNotExist)}
