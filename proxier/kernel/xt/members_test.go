package xt

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/ipset/ipsettest"
)

var addressSet = ipset.Set{Name: "KIPVS-ADDRESSES", Type: ipset.HashIP, Family: ipset.IPv4, MaxEntries: maxMembers}

// manyAddresses are the first n from 10.0.0.1 on.
func manyAddresses(n int) []ipset.Entry {
	all := make([]ipset.Entry, n)
	for i := range all {
		var addr [4]byte
		binary.BigEndian.PutUint32(addr[:], 10<<24+1+uint32(i))
		all[i] = ipset.IP(netip.AddrFrom4(addr))
	}
	return all
}

// fullSet has a set that is like the given one but has only room for its n
// members.
func fullSet(t *testing.T, set ipset.Set, n int) *ipsettest.Fake {
	t.Helper()
	sets := ipsettest.New()
	set.MaxEntries = uint32(n)
	err := sets.Create(set)
	if err := errors.Join(append(sets.Add(set.Name, manyAddresses(n)), err, sets.Hold(set.Name))...); err != nil {
		t.Fatal(err)
	}
	return sets
}

// A set that another release has made smaller keeps its members and its place
// under the rules.
func TestASmallSetBecomesLarge(t *testing.T) {
	const full = 65536
	sets := fullSet(t, addressSet, full)
	for range 2 { // the second time there is nothing to do
		if err := ensureSet(sets, addressSet); err != nil {
			t.Fatal(err)
		}
	}
	all, err := sets.Sets()
	if err != nil || !slices.Equal(all, []ipset.Set{addressSet}) {
		t.Errorf("%v, %v; want %v alone", all, err, addressSet)
	}
	if members, err := sets.Members(addressSet.Name); err != nil || len(members) != full {
		t.Errorf("%d members, %v; want %d", len(members), err, full)
	}
	if got := sets.Calls()[ipsettest.Swap]; got != 1 {
		t.Errorf("%d swaps, want 1", got)
	}
	const beyond = 1<<20 + 1
	if err := errors.Join(sets.Add(addressSet.Name, manyAddresses(beyond))...); err != nil {
		t.Errorf("%d members: %v", beyond, err)
	}
}

// Whatever fails, no member is lost, and the next try succeeds.
func TestASetThatCouldNotBeMadeLarger(t *testing.T) {
	refusal := errors.New("refused")
	for _, verb := range []ipsettest.Verb{ipsettest.Members, ipsettest.Destroy, ipsettest.Add, ipsettest.Swap} {
		t.Run(string(verb), func(t *testing.T) {
			sets := fullSet(t, addressSet, 10)
			sets.Fail(func(d ipsettest.Deed) error {
				if d.Verb == verb {
					return refusal
				}
				return nil
			})
			if err := ensureSet(sets, addressSet); !errors.Is(err, refusal) {
				t.Errorf("%v, want the refusal", err)
			}
			sets.Fail(nil)
			if members, err := sets.Members(addressSet.Name); err != nil || len(members) != 10 {
				t.Errorf("%d members, %v; want 10", len(members), err)
			}
			if err := ensureSet(sets, addressSet); err != nil {
				t.Errorf("the next try: %v", err)
			}
		})
	}
}

// A set of another type is not ours to guess about.
func TestASetOfAnotherTypeStays(t *testing.T) {
	sets := ipsettest.New()
	other := ipset.Set{Name: addressSet.Name, Type: ipset.HashNet, Family: ipset.IPv4, MaxEntries: 10}
	if err := sets.Create(other); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sets.Add(other.Name, []ipset.Entry{ipset.Net(netip.MustParsePrefix("10.0.0.0/8"))})...); err != nil {
		t.Fatal(err)
	}
	if err := ensureSet(sets, addressSet); !errors.Is(err, ipset.ErrMismatch) {
		t.Errorf("%v, want %v", err, ipset.ErrMismatch)
	}
	if all, err := sets.Sets(); err != nil || !slices.Equal(all, []ipset.Set{other}) {
		t.Errorf("%v, %v; want %v alone", all, err, other)
	}
}
