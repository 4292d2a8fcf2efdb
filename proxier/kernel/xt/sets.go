package xt

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// maxMembers is no limit: the kernel's hash grows with what is in it, and a
// great number here costs nothing. The usual 65536 is reached by clusters of
// ordinary size.
const maxMembers = math.MaxUint32

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

// ensureSets makes the sets of one family that are missing, and those anew that
// bear the name of ours and are something else (K15). It tells how many.
func (r *Rules) ensureSets(ctx context.Context, f ipset.Family) (made int, err error) {
	there, err := r.sets.Sets()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, s := range state.Sets() {
		want := ipset.Set{Name: s.Name(f), Type: s.Type(), Family: f, MaxEntries: maxMembers}
		i := slices.IndexFunc(there, func(have ipset.Set) bool { return have.Name == want.Name })
		if i >= 0 && there[i].Type == want.Type && there[i].Family == f && there[i].MaxEntries >= maxMembers {
			continue
		}
		if i >= 0 && (there[i].Type != want.Type || there[i].Family != f) {
			err = r.replaceSet(ctx, there[i], want)
		} else {
			err = ensureSet(r.sets, want)
		}
		if errs = append(errs, err); err == nil {
			made++
		}
	}
	return made, errors.Join(errs...)
}

// replaceSet makes a set of another type anew. It cannot be swapped, nor renamed
// while a rule refers to it: our own rules are taken out for a moment, once.
func (r *Rules) replaceSet(ctx context.Context, have, want ipset.Set) error {
	err := r.sets.Destroy(have.Name)
	if t := r.tables[want.Family]; errors.Is(err, ipset.ErrBusy) && !t.yielded[have.Name] {
		if err = t.takeOut(ctx, have.Name); err == nil {
			err = r.sets.Destroy(have.Name)
			t.yielded[have.Name] = err != nil // ours would go in vain each time
		}
	}
	if err != nil {
		return fmt.Errorf("set %s is %s %s and has to be %s %s: %w", have.Name, have.Type, have.Family, want.Type, want.Family, err)
	}
	return r.sets.Create(want)
}
