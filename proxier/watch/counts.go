package watch

// Count is how many changes of one sort there were, and how many of them no pass
// has taken yet.
type Count struct{ Total, Pending int }

// Counts are those of Services and of EndpointSlices.
type Counts struct{ Services, Endpoints Count }

// Counts are the changes so far.
func (c *Changes) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}

func (n *Count) add() {
	n.Total++
	n.Pending++
}
