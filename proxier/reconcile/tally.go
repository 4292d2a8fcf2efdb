package reconcile

// Tally counts what a Grow or a Shrink did.
type Tally struct {
	Created, Updated, Deleted, Failed int
	FailedTo                          [verbs]int // the failed ones, by the Verb that was tried
	First                             error      // the first failure, with its row
}

// Calls is the number of rows that were changed or tried.
func (t Tally) Calls() int { return t.Created + t.Updated + t.Deleted + t.Failed }

// Add sums up two tallies; the first failure is kept.
func (t Tally) Add(o Tally) Tally {
	if t.First == nil {
		t.First = o.First
	}
	t.Created += o.Created
	t.Updated += o.Updated
	t.Deleted += o.Deleted
	t.Failed += o.Failed
	for v := range t.FailedTo {
		t.FailedTo[v] += o.FailedTo[v]
	}
	return t
}

func (t *Tally) count(v Verb) {
	switch v {
	case Create:
		t.Created++
	case Update:
		t.Updated++
	case Delete:
		t.Deleted++
	}
}

func (t *Tally) fail(v Verb, err error) {
	t.Failed++
	t.FailedTo[v]++
	if t.First == nil {
		t.First = err
	}
}
