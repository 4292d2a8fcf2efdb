package reconcile_test

import (
	"maps"
	"testing"
)

func TestEachOwnerIsToldItsOwnWishes(t *testing.T) {
	_, table := newTable(t, map[int]string{7: "held"})
	table.Claim("A", map[int]string{1: "a", 2: "shared by A"})
	table.Claim("B", map[int]string{2: "shared by B", 3: "b"})
	for owner, want := range map[string]map[int]string{
		"A": {1: "a", 2: "shared by A"}, "B": {2: "shared by B", 3: "b"}, "nobody": {},
	} {
		if got := table.Wishes(owner); !maps.Equal(got, want) {
			t.Errorf("%s wishes %v, want %v", owner, got, want)
		}
	}
	held := map[int]string{}
	table.Each(func(k int, v string) { held[k] = v })
	if !maps.Equal(held, map[int]string{7: "held"}) {
		t.Errorf("held: %v", held)
	}
}
