package health

import (
	"sync"
	"time"
)

// Health is how far the loop is behind what it has been asked. The loop feeds
// it, others may read Reports of it at the same time.
type Health struct {
	limit    time.Duration
	families []string

	mu       sync.Mutex
	queued   time.Time // of the oldest change that no sync has followed; zero: none
	synced   time.Time // zero: never
	eligible bool
}

// New returns the Health of a loop that is healthy unless a change has waited
// for limit. Families are what Reports show a status for: IPv4, IPv6.
func New(limit time.Duration, families ...string) *Health {
	return &Health{limit: limit, families: families}
}

// Queued notes that at this time a change came in.
func (h *Health) Queued(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.queued.IsZero() {
		h.queued = now
	}
}

// Synced notes that at this time all changes so far have been carried out.
func (h *Health) Synced(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queued, h.synced = time.Time{}, now
}

// NodeEligible notes whether load balancers may send to this node at all. They
// may not before the first note.
func (h *Health) NodeEligible(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.eligible = yes
}

// Ready says whether there has been a sync.
func (h *Health) Ready() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.synced.IsZero()
}

// Report is Health at one moment, in the words of kube-proxy's answers.
type Report struct {
	// LastUpdated is CurrentTime in healthy answers, as load balancers have come
	// to expect, and the time of the last sync in others.
	LastUpdated  time.Time         `json:"lastUpdated"`
	CurrentTime  time.Time         `json:"currentTime"`
	NodeEligible *bool             `json:"nodeEligible,omitempty"`
	Healthy      bool              `json:"healthy"` // whatever NodeEligible says
	Status       map[string]Status `json:"status"`
}

// Status is the part of a Report that is about one IP family.
type Status struct {
	LastUpdated time.Time `json:"lastUpdated"`
	Healthy     bool      `json:"healthy"`
}

// Report says how things stand now.
func (h *Health) Report(now time.Time) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	healthy, eligible := h.queued.IsZero() || now.Sub(h.queued) < h.limit, h.eligible
	r := Report{LastUpdated: h.synced, CurrentTime: now, NodeEligible: &eligible, Healthy: healthy, Status: map[string]Status{}}
	for _, family := range h.families {
		r.Status[family] = Status{LastUpdated: h.synced, Healthy: healthy}
	}
	return r
}
