package reconcile

import (
	"slices"
)

// Table holds the rows of one Kind: K names a row, V is its value, O names
// those who want rows.
type Table[O, K, V comparable] struct {
	kind  Kind[K, V]
	rules Rules[K, V]

	rows         map[K]row[O, K, V] // those that are wanted or held
	shared       map[K][]claim[O, K, V]
	owners       map[O]*owner[O, K]
	due          map[K]struct{}
	mostDue      int         // since due was made: a map keeps the room that it once needed
	failed       map[K]error // of the rows that are due: the last try
	wanted, held int
}

// row is what is known of one row. There may be hundreds of thousands, nearly
// all of them with one owner.
type row[O, K, V comparable] struct {
	first  claim[O, K, V]
	value  V // what is held
	isHeld bool
}

func (r row[O, K, V]) isWanted() bool { return r.first.owner != nil }

// Rules are the few things that a Table has to be told about its rows.
type Rules[K, V comparable] struct {
	Name  string           // of one row, in messages and metrics: "virtual server"
	Order func(a, b K) int // rows are worked in this order, so that logs and tests are steady
	Stage func(K) int      // of a pass in which a row is worked; nil: all in stage 0

	// Stands tells whether that is held which a row stands on. When it goes, the
	// outside takes the row along. Nil: rows stand on nothing.
	Stands func(K) bool

	// Last tells whether a row that is to hold this value is worked after all
	// others. Nil: none is.
	Last func(V) bool
}

func (r Rules[K, V]) order(a, b Op[K, V]) int {
	if r.Last != nil && r.Last(a.Value) != r.Last(b.Value) {
		if r.Last(a.Value) {
			return 1
		}
		return -1
	}
	return r.Order(a.Key, b.Key)
}

// New returns a Table that wants nothing and believes that nothing is held.
// Observe comes before the first Grow.
func New[O, K, V comparable](kind Kind[K, V], rules Rules[K, V]) *Table[O, K, V] {
	return &Table[O, K, V]{
		kind:   kind,
		rules:  rules,
		rows:   map[K]row[O, K, V]{},
		shared: map[K][]claim[O, K, V]{},
		owners: map[O]*owner[O, K]{},
		due:    map[K]struct{}{},
		failed: map[K]error{},
	}
}

// Name is the name of one row, for messages and metrics.
func (t *Table[O, K, V]) Name() string { return t.rules.Name }

// Claim replaces all that owner wants. A row may have several owners and stays
// until the last has left; when they want different values, the one who came
// first has it.
func (t *Table[O, K, V]) Claim(name O, rows map[K]V) {
	o := t.owners[name]
	if o == nil {
		if len(rows) == 0 {
			return
		}
		o = &owner[O, K]{name: name}
		t.owners[name] = o
	}
	for _, k := range o.rows {
		if _, still := rows[k]; !still {
			t.disown(o, k)
		}
	}
	if len(rows) == 0 {
		delete(t.owners, name)
		return
	}
	o.rows = slices.Grow(o.rows[:0], len(rows))
	for k, v := range rows {
		o.rows = append(o.rows, k)
		t.own(o, k, v)
	}
}

// Adjust changes what owner wants by some rows, which costs less than to claim all
// of many again. No row is in both.
func (t *Table[O, K, V]) Adjust(name O, gone []K, come map[K]V) {
	o := t.owners[name]
	if o == nil {
		o = &owner[O, K]{name: name}
		t.owners[name] = o
	}
	if len(gone) > 0 {
		leaves := make(map[K]bool, len(gone))
		for _, k := range gone {
			leaves[k] = true
		}
		o.rows = slices.DeleteFunc(o.rows, func(k K) bool {
			if leaves[k] {
				t.disown(o, k)
			}
			return leaves[k]
		})
	}
	for k, v := range come {
		if t.rows[k].first.owner != o && position(t.shared[k], o) < 0 {
			o.rows = append(o.rows, k)
		}
		t.own(o, k, v)
	}
	if len(o.rows) == 0 {
		delete(t.owners, name)
	}
}

// Claimed lists all that owner wants, in no order. It is not to be changed.
func (t *Table[O, K, V]) Claimed(name O) []K {
	if o := t.owners[name]; o != nil {
		return o.rows
	}
	return nil
}

// put keeps what is known of row k and decides whether it is due. Nothing else
// does either.
func (t *Table[O, K, V]) put(k K, r row[O, K, V]) {
	if !r.isWanted() && !r.isHeld {
		delete(t.rows, k)
	} else {
		t.rows[k] = r
	}
	if r.isWanted() == r.isHeld && r.first.value == r.value {
		delete(t.due, k)
		delete(t.failed, k)
	} else {
		t.due[k] = struct{}{}
		t.mostDue = max(t.mostDue, len(t.due))
	}
}

// hold notes that the outside holds row k.
func (t *Table[O, K, V]) hold(k K, v V) {
	r := t.rows[k]
	if !r.isHeld {
		t.held++
	}
	r.value, r.isHeld = v, true
	t.put(k, r)
}

// lose notes that the outside does not hold row k.
func (t *Table[O, K, V]) lose(k K) {
	r := t.rows[k]
	if r.isHeld {
		t.held--
	}
	var none V
	r.value, r.isHeld = none, false
	t.put(k, r)
}

// Holds tells whether row k is held, as far as is known.
func (t *Table[O, K, V]) Holds(k K) bool { return t.rows[k].isHeld }

// Size counts rows: those wanted, those held, those due.
func (t *Table[O, K, V]) Size() (wanted, held, due int) {
	return t.wanted, t.held, len(t.due)
}
