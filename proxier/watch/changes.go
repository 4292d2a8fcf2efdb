package watch

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Changes remembers what has moved since it was last taken. It may be used by
// many goroutines.
type Changes struct {
	mu     sync.Mutex
	moved  Moved
	counts Counts
	wake   chan struct{}
}

// Moved is what has changed between two takings.
type Moved struct {
	// Services that have moved, each with the times at which its endpoints
	// changed, as far as those are known.
	Services map[types.NamespacedName][]time.Time

	// Node says that the Node object has changed, appeared or gone.
	Node bool

	// Ranges says that ServiceCIDRs have changed, appeared or gone.
	Ranges bool

	// Hosts says that addresses of Nodes, or those at which the API server is
	// reached, have changed.
	Hosts bool
}

// Add puts to m what has moved besides.
func (m *Moved) Add(other Moved) {
	for svc, times := range other.Services {
		m.Services[svc] = append(times, m.Services[svc]...)
	}
	m.Node, m.Ranges, m.Hosts = m.Node || other.Node, m.Ranges || other.Ranges, m.Hosts || other.Hosts
}

// NewChanges returns Changes in which nothing has moved.
func NewChanges() *Changes {
	return &Changes{
		moved: Moved{Services: map[types.NamespacedName][]time.Time{}},
		wake:  make(chan struct{}, 1),
	}
}

// Mark notes that svc has moved. At is when the cause happened, the zero time
// when that is unknown.
func (c *Changes) Mark(svc types.NamespacedName, at time.Time) { c.mark(svc, at, &c.counts.Services) }

// MarkEndpoints notes that the endpoints of svc have moved.
func (c *Changes) MarkEndpoints(svc types.NamespacedName, at time.Time) {
	c.mark(svc, at, &c.counts.Endpoints)
}

func (c *Changes) mark(svc types.NamespacedName, at time.Time, as *Count) {
	c.note(func(m *Moved) {
		as.add()
		times := m.Services[svc]
		if !at.IsZero() {
			times = append(times, at)
		}
		m.Services[svc] = times
	})
}

// MarkNode notes that the Node has moved.
func (c *Changes) MarkNode() {
	c.note(func(m *Moved) { m.Node = true })
}

// MarkRanges notes that the ServiceCIDRs have moved.
func (c *Changes) MarkRanges() {
	c.note(func(m *Moved) { m.Ranges = true })
}

// MarkHosts notes that addresses of Nodes, of their Pods or of the API server have
// moved.
func (c *Changes) MarkHosts() {
	c.note(func(m *Moved) { m.Hosts = true })
}

// Take hands over what has moved and forgets it.
func (c *Changes) Take() Moved {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.moved
	c.moved = Moved{Services: map[types.NamespacedName][]time.Time{}}
	c.counts.Services.Pending, c.counts.Endpoints.Pending = 0, 0
	return taken
}

// Wake receives after something has been marked. One receipt may stand for many
// marks, and a mark may already have been taken when its receipt comes.
func (c *Changes) Wake() <-chan struct{} { return c.wake }

func (c *Changes) note(change func(*Moved)) {
	c.mu.Lock()
	change(&c.moved)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
