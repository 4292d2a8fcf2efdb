package state

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// The order of members is a promise to clients (Allowed before Restricted,
// Addresses last), so it must not follow from what sets are called.
func TestARenamedSetChangesNoOrder(t *testing.T) {
	var members []Member
	for _, addr := range []string{"fd00:10:96::1", "10.96.0.2", "10.96.0.1"} {
		for _, s := range slices.Backward(Sets()) {
			members = append(members, s.Holding(ipset.IP(netip.MustParseAddr(addr))))
		}
	}
	inOrder := func() []Member { return slices.SortedFunc(slices.Values(members), Member.Compare) }
	before, old := inOrder(), sets
	defer func() { sets = old }()
	for i := range sets {
		sets[i].name = string(rune('Z' - i))
	}
	if after := inOrder(); !slices.Equal(before, after) {
		t.Errorf("sorted to\n%v\nwith other names, want\n%v", after, before)
	}
	first := func(s Set) int {
		return slices.IndexFunc(before, func(m Member) bool { return m.Set == s })
	}
	if first(Allowed) > first(Restricted) {
		t.Errorf("RESTRICTED stands before ALLOWED: %v", before)
	}
	if first(Addresses) != len(members)-3 {
		t.Errorf("ADDRESSES of both families are not last: %v", before)
	}
}

// The order of all sets of one family. Two places have a reason, see Set.
func TestOrderOfSets(t *testing.T) {
	var names []string
	for _, s := range Sets() {
		names = append(names, s.String())
	}
	const want = "ALLOWED CLUSTER DROP HAIRPIN HEALTH ALIASED MASQUERADE NODEPORTS PODS RANGES RESTRICTED SERVICES ALIASES ADDRESSES"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
