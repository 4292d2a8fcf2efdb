package reconcile

// Orphans are the rows that are held and that no owner wants, in no order: those
// that the next Shrink deletes unless an owner claims them before.
func (t *Table[O, K, V]) Orphans() (all []K) {
	for k := range t.due {
		if !t.rows[k].isWanted() {
			all = append(all, k)
		}
	}
	return all
}

// Lost are the rows that this owner wants and that are not held, although they
// may have been, in no order.
func (t *Table[O, K, V]) Lost(name O) (all []K) {
	o := t.owners[name]
	if o == nil {
		return nil
	}
	for k := range t.due {
		if r := t.rows[k]; r.first.owner == o && !r.isHeld {
			all = append(all, k)
		}
	}
	return all
}

// Wants tells whether an owner wants row k.
func (t *Table[O, K, V]) Wants(k K) bool { return t.rows[k].isWanted() }

// WantedBeside tells whether an owner other than the one of this name wants
// row k.
func (t *Table[O, K, V]) WantedBeside(name O, k K) bool {
	first := t.rows[k].first.owner
	return first != nil && (first != t.owners[name] || len(t.shared[k]) > 0)
}
