package reconcile

import (
	"errors"
	"maps"
	"slices"
)

// Settled tells whether every row that owner wants is held as wanted, but for
// those that were refused.
func (t *Table[O, K, V]) Settled(name O) bool {
	if len(t.due) == 0 {
		return true
	}
	for _, k := range t.Claimed(name) {
		if _, due := t.due[k]; due && !errors.Is(t.failed[k], ErrRefused) {
			return false
		}
	}
	return true
}

// EachFailed hands out the rows that could not be had when last tried, and who
// wants them, in order.
func (t *Table[O, K, V]) EachFailed(take func(row any, owners []O, err error)) {
	for _, k := range slices.SortedFunc(maps.Keys(t.failed), t.rules.Order) {
		var owners []O
		if first := t.rows[k].first.owner; first != nil {
			owners = append(owners, first.name)
		}
		for _, c := range t.shared[k] {
			owners = append(owners, c.owner.name)
		}
		take(k, owners, t.failed[k])
	}
}

// Refused counts the rows that were refused when last tried.
func (t *Table[O, K, V]) Refused() (n int) {
	for _, err := range t.failed {
		if errors.Is(err, ErrRefused) {
			n++
		}
	}
	return n
}

// Broken tells that what fails is more than single rows: something has failed
// without being refused, or of all that is wanted nothing is held.
func (t *Table[O, K, V]) Broken() bool {
	switch refused := t.Refused(); {
	case refused < len(t.failed):
		return true
	case refused == 0:
		return false
	}
	missing := 0
	for k := range t.due {
		if t.rows[k].isWanted() {
			missing++
		}
	}
	return t.wanted > 0 && missing == t.wanted
}
