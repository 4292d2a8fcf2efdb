package reconcile

import (
	"context"
	"fmt"
	"slices"
)

// atOnce bounds what one call of the kind is asked for, and with it what the
// call takes of memory.
const atOnce = 2000

// fewDue are no reason to give up a map.
const fewDue = 100

// Grow creates and updates the rows of this stage that are due and wanted.
func (t *Table[O, K, V]) Grow(ctx context.Context, stage int) Tally {
	var ops []Op[K, V]
	for k := range t.due {
		if r := t.rows[k]; r.isWanted() && t.stage(k) == stage {
			ops = append(ops, r.growth(k))
		}
	}
	return t.apply(ctx, ops)
}

// GrowFor does the same with the rows of these owners alone, so that they need
// not wait for the rest.
func (t *Table[O, K, V]) GrowFor(ctx context.Context, stage int, owners []O) Tally {
	var ops []Op[K, V]
	for _, o := range owners {
		for _, k := range t.Claimed(o) {
			if _, due := t.due[k]; due && t.stage(k) == stage {
				ops = append(ops, t.rows[k].growth(k))
			}
		}
	}
	return t.apply(ctx, ops)
}

// growth is what makes the row held as it is wanted.
func (r row[O, K, V]) growth(k K) Op[K, V] {
	if r.isHeld {
		return Op[K, V]{Update, k, r.first.value}
	}
	return Op[K, V]{Create, k, r.first.value}
}

// Shrink deletes the rows of this stage that are due and that no owner wants. Those that have
// gone with what they stood on need no call.
func (t *Table[O, K, V]) Shrink(ctx context.Context, stage int) Tally {
	return t.ShrinkWhere(ctx, func(k K) bool { return t.stage(k) == stage })
}

// ShrinkWhere does the same with the rows that which names, of any stage.
func (t *Table[O, K, V]) ShrinkWhere(ctx context.Context, which func(K) bool) Tally {
	var ops []Op[K, V]
	for k := range t.due {
		switch {
		case t.rows[k].isWanted(), !which(k):
		case t.rules.Stands != nil && !t.rules.Stands(k):
			t.lose(k)
		default:
			ops = append(ops, Op[K, V]{Verb: Delete, Key: k})
		}
	}
	return t.apply(ctx, ops)
}

func (t *Table[O, K, V]) stage(k K) int {
	if t.rules.Stage == nil {
		return 0
	}
	return t.rules.Stage(k)
}

func (t *Table[O, K, V]) apply(ctx context.Context, ops []Op[K, V]) (tally Tally) {
	slices.SortFunc(ops, t.rules.order)
	ops = slices.Compact(ops) // two owners may want the same row
	for some := range slices.Chunk(ops, atOnce) {
		for i, err := range t.kind.Apply(ctx, some) {
			op := some[i]
			switch {
			case err != nil:
				t.failed[op.Key] = fmt.Errorf("%s %s %v: %w", op.Verb, t.rules.Name, op.Key, err)
				tally.fail(op.Verb, t.failed[op.Key])
				continue
			case op.Verb == Delete:
				t.lose(op.Key)
			default:
				t.hold(op.Key, op.Value)
			}
			tally.count(op.Verb)
		}
	}
	if len(t.due) == 0 && t.mostDue > fewDue {
		t.due, t.mostDue = map[K]struct{}{}, 0 // or each pass would go through the room of all that was due at the start
	}
	return tally
}
