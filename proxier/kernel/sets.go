package kernel

import (
	"errors"
	"math"

	"github.com/kube-ipvs/kube-ipvs/ipset"
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
