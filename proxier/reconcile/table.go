package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// Table holds the rows of one Kind: K names a row, V is its value, O names
// those who want rows.
type Table[O, K, V comparable] struct {
	kind  Kind[K, V]
	rules Rules[K]

	wanted map[K]claims[O, V]
	owned  map[O][]K
	held   map[K]V
	due    map[K]struct{}
}

// Rules are the few things that a Table has to be told about its rows.
type Rules[K comparable] struct {
	Name  string           // of one row, in messages and metrics: "virtual server"
	Order func(a, b K) int // rows are worked in this order, so that logs and tests are steady
}

// New returns a Table that wants nothing and believes that nothing is held.
// Observe comes before the first Grow.
func New[O, K, V comparable](kind Kind[K, V], rules Rules[K]) *Table[O, K, V] {
	return &Table[O, K, V]{
		kind:   kind,
		rules:  rules,
		wanted: map[K]claims[O, V]{},
		owned:  map[O][]K{},
		held:   map[K]V{},
		due:    map[K]struct{}{},
	}
}

// Name is the name of one row, for messages and metrics.
func (t *Table[O, K, V]) Name() string { return t.rules.Name }

// Claim replaces all that owner wants. A row may have several owners and stays
// until the last has left; when they want different values, the one who came
// first has it.
func (t *Table[O, K, V]) Claim(owner O, rows map[K]V) {
	for _, k := range t.owned[owner] {
		if _, still := rows[k]; !still {
			t.disown(owner, k)
		}
	}
	if len(rows) == 0 {
		delete(t.owned, owner)
		return
	}
	keys := make([]K, 0, len(rows))
	for k, v := range rows {
		keys = append(keys, k)
		t.own(owner, k, v)
	}
	t.owned[owner] = keys
}

func (t *Table[O, K, V]) own(owner O, k K, v V) {
	c, known := t.wanted[k]
	if known && !c.set(owner, v) {
		return
	}
	if !known {
		c.first = claim[O, V]{owner, v}
	}
	t.wanted[k] = c
	t.judge(k)
}

func (t *Table[O, K, V]) disown(owner O, k K) {
	c := t.wanted[k]
	if c.drop(owner) {
		t.wanted[k] = c
	} else {
		delete(t.wanted, k)
	}
	t.judge(k)
}

// judge decides anew whether row k is due. Nothing else sets due.
func (t *Table[O, K, V]) judge(k K) {
	c, wanted := t.wanted[k]
	have, held := t.held[k]
	if wanted == held && c.first.value == have {
		delete(t.due, k)
	} else {
		t.due[k] = struct{}{}
	}
}

// Observe replaces what is believed by what the outside holds, and tells how
// many rows that has changed. On an error the belief stays as it was.
func (t *Table[O, K, V]) Observe(ctx context.Context) (drift int, err error) {
	actual, err := t.kind.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("list every %s: %w", t.rules.Name, err)
	}
	before := t.held
	t.held = actual
	for k, v := range before {
		if now, still := actual[k]; !still || now != v {
			drift++
			t.judge(k)
		}
	}
	for k := range actual {
		if _, already := before[k]; !already {
			drift++
			t.judge(k)
		}
	}
	return drift, nil
}

// Grow creates and updates the rows that are due and wanted.
func (t *Table[O, K, V]) Grow(ctx context.Context) Tally {
	var ops []Op[K, V]
	for k := range t.due {
		c, wanted := t.wanted[k]
		if !wanted {
			continue
		}
		verb := Create
		if _, held := t.held[k]; held {
			verb = Update
		}
		ops = append(ops, Op[K, V]{verb, k, c.first.value})
	}
	return t.apply(ctx, ops)
}

// Shrink deletes the rows that are due and that nobody wants.
func (t *Table[O, K, V]) Shrink(ctx context.Context) Tally {
	var ops []Op[K, V]
	for k := range t.due {
		if _, wanted := t.wanted[k]; !wanted {
			ops = append(ops, Op[K, V]{Verb: Delete, Key: k})
		}
	}
	return t.apply(ctx, ops)
}

func (t *Table[O, K, V]) apply(ctx context.Context, ops []Op[K, V]) (tally Tally) {
	if len(ops) == 0 {
		return tally
	}
	slices.SortFunc(ops, func(a, b Op[K, V]) int { return t.rules.Order(a.Key, b.Key) })
	for i, err := range t.kind.Apply(ctx, ops) {
		op := ops[i]
		if err != nil {
			tally.fail(fmt.Errorf("%s %s %v: %w", op.Verb, t.rules.Name, op.Key, err))
			continue
		}
		tally.count(op.Verb)
		if op.Verb == Delete {
			delete(t.held, op.Key)
		} else {
			t.held[op.Key] = op.Value
		}
		t.judge(op.Key)
	}
	return tally
}

// Settled tells whether every row that owner wants is held as wanted.
func (t *Table[O, K, V]) Settled(owner O) bool {
	for _, k := range t.owned[owner] {
		if _, due := t.due[k]; due {
			return false
		}
	}
	return true
}

// Size counts rows: those wanted, those held, those due.
func (t *Table[O, K, V]) Size() (wanted, held, due int) {
	return len(t.wanted), len(t.held), len(t.due)
}
