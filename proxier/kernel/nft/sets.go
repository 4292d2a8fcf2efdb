package nft

import (
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// set is a set of our table.
type set struct {
	name     string
	fields   []field
	interval bool // each element is a range of keys; no two overlap
}

// setsOf are the sets of one family: one for each of package state, and beside
// each that has networks a list of them. Networks of different members may lie
// in each other, as 10.1.0.0/16 lies in 10.0.0.0/8; the kernel cannot hold both,
// so the first set has only those that lie in no other, and the list has all.
func setsOf(f ipset.Family) (all []set) {
	for _, s := range state.Sets() {
		members := set{name: s.Name(f), interval: networks(s)}
		for _, p := range parts[s.Type()] {
			members.fields = append(members.fields, p.field(f))
		}
		all = append(all, members)
		if networks(s) {
			all = append(all, set{name: listName(s, f), fields: listFields(s, f)})
		}
	}
	return all
}

// networks tells whether members of the set are networks.
func networks(s state.Set) bool {
	return s.Type() == ipset.HashNet || s.Type() == ipset.HashIPPortNet
}

// listName is the name of the set that lists the networks of another.
func listName(s state.Set, f ipset.Family) string { return s.Name(f) + "-LIST" }

// listFields are those of such a list: first and last address of the network,
// behind what stands before it in the key of the set.
func listFields(s state.Set, f ipset.Family) (all []field) {
	if s.Type() == ipset.HashIPPortNet {
		all = []field{destination.field(f), protocol.field(f), port.field(f)}
	}
	return append(all, source.field(f), source.field(f))
}

func (s set) keyLength() (length uint32) {
	for _, f := range s.fields {
		length += 4 * f.registers()
	}
	if len(s.fields) == 1 {
		return s.fields[0].length
	}
	return length
}

// datatype is what the program nft shows keys as; fields stand in six bits each.
func (s set) datatype() (all uint32) {
	for _, f := range s.fields {
		all = all<<6 | f.datatype
	}
	return all
}

func (s set) flags() uint32 {
	if s.interval {
		return setInterval | setConcatenation
	}
	return 0
}

// shape is all that makes one set another, beside its name.
type shape struct{ datatype, keyLength, flags uint32 }

func (s set) shape() shape { return shape{s.datatype(), s.keyLength(), s.flags()} }
