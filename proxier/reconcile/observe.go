package reconcile

import (
	"context"
	"fmt"
	"maps"
)

// Observe replaces what is believed by what the outside holds, and tells how
// many rows that has changed. On an error the belief stays as it was. A row
// that the listing lacks is asked for again where the kind can be asked: a
// listing may miss rows while others write.
func (t *Table[O, K, V]) Observe(ctx context.Context) (drift int, err error) {
	actual, err := t.kind.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list every %s: %w", t.rules.Name, err)
	}
	var missing []K
	for k, r := range t.rows {
		if _, there := actual[k]; r.isHeld && !there {
			missing = append(missing, k)
		}
	}
	if looker, can := t.kind.(Looker[K, V]); can && len(missing) > 0 {
		found, err := looker.Look(ctx, missing)
		if err != nil {
			return 0, t.lookError(missing, err)
		}
		maps.Copy(actual, found)
	}
	return t.believe(missing, actual), nil
}

// Look does the same for these rows only. A kind that cannot be asked for them
// lists all.
func (t *Table[O, K, V]) Look(ctx context.Context, keys []K) (drift int, err error) {
	looker, can := t.kind.(Looker[K, V])
	if !can {
		return t.Observe(ctx)
	}
	if len(keys) == 0 {
		return 0, nil
	}
	actual, err := looker.Look(ctx, keys)
	if err != nil {
		return 0, t.lookError(keys, err)
	}
	return t.believe(keys, actual), nil
}

func (t *Table[O, K, V]) lookError(keys []K, err error) error {
	return fmt.Errorf("look for %s %v and %d more: %w", t.rules.Name, keys[0], len(keys)-1, err)
}

// believe takes what is actual for the truth about itself and about keys, and
// tells how many rows that has changed.
func (t *Table[O, K, V]) believe(keys []K, actual map[K]V) (drift int) {
	for _, k := range keys {
		if _, there := actual[k]; !there && t.Holds(k) {
			drift++
			t.lose(k)
		}
	}
	for k, v := range actual {
		if r := t.rows[k]; !r.isHeld || r.value != v {
			drift++
			t.hold(k, v)
		}
	}
	return drift
}
