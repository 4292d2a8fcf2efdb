package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// Networks are networks by what they are, in words: "Pods of Node a". That in
// which an address lies is found at once, however many there are.
type Networks struct {
	names   map[netip.Prefix]string
	lengths []int // that occur, the longest first
}

// NewNetworks takes names over.
func NewNetworks(names map[netip.Prefix]string) Networks {
	has := map[int]bool{}
	for p := range names {
		has[p.Bits()] = true
	}
	lengths := slices.Sorted(maps.Keys(has))
	slices.Reverse(lengths)
	return Networks{names, lengths}
}

// Equal tells whether o are the same, with the same names.
func (n Networks) Equal(o Networks) bool { return maps.Equal(n.names, o.names) }

// find says in which of them addr lies, of several in the smallest.
func (n Networks) find(addr netip.Addr) (text string, ok bool) {
	for _, bits := range n.lengths {
		p, err := addr.Prefix(bits)
		if err != nil {
			continue // longer than an address of this family
		}
		if name, ok := n.names[p]; ok {
			return fmt.Sprintf("%s, %s", p, name), true
		}
	}
	return "", false
}
