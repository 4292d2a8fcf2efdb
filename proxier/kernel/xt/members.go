package xt

import (
	"context"
	"errors"
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Members are the entries of our sets.
func (r *Rules) Members() reconcile.Kind[state.Member, state.None] {
	return MembersIn(r.members, r.served)
}

// MembersIn are those that one can read or change with a client.
func MembersIn(sets *ipset.Client, served *host.Served) reconcile.Kind[state.Member, state.None] {
	return members{sets, served}
}

type members struct {
	sets   *ipset.Client
	served *host.Served
}

func (m members) List(ctx context.Context) (map[state.Member]state.None, error) {
	rows := map[state.Member]state.None{}
	for _, f := range m.served.Families() {
		for _, s := range state.Sets() {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			entries, err := m.sets.Members(s.Name(f))
			if errors.Is(err, ipset.ErrNotExist) {
				continue // no set, no members; the next Prepare makes it
			}
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

// Apply sends runs of ops on one set together: five hundred entries share a
// message.
func (m members) Apply(_ context.Context, ops []reconcile.Op[state.Member, state.None]) []error {
	errs := make([]error, 0, len(ops))
	for len(ops) > 0 {
		set, removing := ops[0].Key.SetName(), ops[0].Verb == reconcile.Delete
		var entries []ipset.Entry
		for _, op := range ops {
			if op.Key.Set != ops[0].Key.Set || op.Key.Entry.Family() != ops[0].Key.Entry.Family() || (op.Verb == reconcile.Delete) != removing {
				break
			}
			entries = append(entries, op.Key.Entry)
		}
		if !removing {
			for _, err := range m.sets.Add(set, entries) {
				if errors.Is(err, ipset.ErrInvalid) {
					err = reconcile.Refused(err)
				}
				errs = append(errs, err)
			}
		} else {
			for _, err := range m.sets.Remove(set, entries) {
				if errors.Is(err, ipset.ErrNotExist) {
					err = nil
				}
				errs = append(errs, err)
			}
		}
		ops = ops[len(entries):]
	}
	return errs
}
