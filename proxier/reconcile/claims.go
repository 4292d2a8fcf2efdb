package reconcile

import "slices"

// owner is one of those who want rows.
type owner[O, K comparable] struct {
	name O
	rows []K
}

// claim is one owner's wish for one row; of none if there is no owner.
type claim[O, K, V comparable] struct {
	owner *owner[O, K]
	value V
}

// own notes the wish of o for row k. The first one to ask has it; others are
// remembered, oldest first, for when it leaves.
func (t *Table[O, K, V]) own(o *owner[O, K], k K, v V) {
	r := t.rows[k]
	switch r.first.owner {
	case nil:
		t.wanted++
	case o:
		if r.first.value == v {
			return
		}
	default:
		rest := t.shared[k]
		if i := position(rest, o); i >= 0 {
			rest[i].value = v
		} else {
			t.shared[k] = append(rest, claim[O, K, V]{o, v})
		}
		return
	}
	r.first = claim[O, K, V]{o, v}
	t.put(k, r)
}

// disown forgets the wish of o for row k; the next one has it, if any.
func (t *Table[O, K, V]) disown(o *owner[O, K], k K) {
	r, rest := t.rows[k], t.shared[k]
	if r.first.owner == o {
		r.first = claim[O, K, V]{}
		if len(rest) > 0 {
			r.first = rest[0]
		} else {
			t.wanted--
		}
		t.put(k, r)
		o = r.first.owner
	}
	if i := position(rest, o); i >= 0 {
		t.shared[k] = slices.Delete(rest, i, i+1)
	}
	if len(t.shared[k]) == 0 {
		delete(t.shared, k)
	}
}

func position[O, K, V comparable](claims []claim[O, K, V], o *owner[O, K]) int {
	return slices.IndexFunc(claims, func(c claim[O, K, V]) bool { return c.owner == o })
}
