package reconcile

// Wishes are the rows that an owner wants, with the values that it gave them.
func (t *Table[O, K, V]) Wishes(name O) map[K]V {
	rows := map[K]V{}
	for _, k := range t.Claimed(name) {
		first := t.rows[k].first
		rows[k] = first.value
		for _, c := range t.shared[k] {
			if c.owner == t.owners[name] {
				rows[k] = c.value
			}
		}
	}
	return rows
}

// Each shows every row that is believed to be held, in no order.
func (t *Table[O, K, V]) Each(show func(K, V)) {
	for k, r := range t.rows {
		if r.isHeld {
			show(k, r.value)
		}
	}
}
