package kernel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// maxMembers is no limit: the kernel's hash grows with what is in it, and a
// great number here costs nothing. The usual 65536 is reached by clusters of
// ordinary size.
const maxMembers = math.MaxUint32

// ensureSets makes the sets of one family that are missing or too small.
func (k *Kernel) ensureSets(f ipset.Family) error {
	for _, s := range slices.Sorted(maps.Keys(state.Types)) {
		set := ipset.Set{Name: s.Name(f), Type: state.Types[s], Family: f, MaxEntries: maxMembers}
		if err := ensureSet(k.sets, set); err != nil {
			return err
		}
	}
	return nil
}

// setMaker is what ensureSet needs of an ipset.Client.
type setMaker interface {
	Create(ipset.Set) error
	Destroy(name string) error
	Swap(a, b string) error
	Members(name string) ([]ipset.Entry, error)
	Add(set string, entries []ipset.Entry) []error
}

// ensureSet makes the set, or makes one that is there as large as it ought to
// be: its members move to a new one, which takes its place at once under the
// rules that refer to it.
func ensureSet(sets setMaker, want ipset.Set) error {
	err := sets.Create(want)
	if !errors.Is(err, ipset.ErrMismatch) {
		return err
	}
	entries, err := sets.Members(want.Name)
	if err != nil {
		return err
	}
	larger := want
	larger.Name += "-LARGER"
	// What an earlier try has left may lack members of today.
	if err := errors.Join(sets.Destroy(larger.Name), sets.Create(larger)); err != nil {
		return err
	}
	err = errors.Join(sets.Add(larger.Name, entries)...)
	if err == nil {
		err = sets.Swap(larger.Name, want.Name)
	}
	return errors.Join(err, sets.Destroy(larger.Name))
}

// Members are the entries of our sets.
func (k *Kernel) Members() reconcile.Kind[state.Member, state.None] { return members{k} }

type members struct{ k *Kernel }

func (m members) List(ctx context.Context) (map[state.Member]state.None, error) {
	rows := map[state.Member]state.None{}
	for _, f := range m.k.Families() {
		for _, s := range slices.Sorted(maps.Keys(state.Types)) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			entries, err := m.k.sets.Members(s.Name(f))
			if errors.Is(err, ipset.ErrNotExist) {
				continue // no set, no members; the next Prepare makes it
			}
			if err != nil {
				return nil, fmt.Errorf("of %s: %w", s.Name(f), err)
			}
			for _, e := range entries {
				rows[state.Member{Set: s.Name(f), Entry: e}] = state.None{}
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
		set, removing := ops[0].Key.Set, ops[0].Verb == reconcile.Delete
		var entries []ipset.Entry
		for _, op := range ops {
			if op.Key.Set != set || (op.Verb == reconcile.Delete) != removing {
				break
			}
			entries = append(entries, op.Key.Entry)
		}
		if !removing {
			errs = append(errs, m.k.sets.Add(set, entries)...)
		} else {
			for _, err := range m.k.sets.Remove(set, entries) {
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
