package health

import (
	"sync"
	"time"
)

// Health is how far the loop is behind what it has been asked. The loop feeds
// it, others may read Reports of it at the same time.
type Health struct {
	limit time.Duration

	mu       sync.Mutex
	families []string
	queued   time.Time // of the oldest change that no sync has followed; zero: none
	synced   time.Time // zero: never
	eligible bool
	working  time.Time // since then; zero: the loop waits for something to do
	failing  time.Time // what has been tried in vain for longest; zero: nothing
	action   string    // what that is
}

// New returns the Health of a loop that is healthy unless a change has waited
// for limit, something has been tried in vain, or the loop has not come to an end
// for so long; only the last makes it hang. Families are what Reports show a status for: IPv4, IPv6.
func New(limit time.Duration, families ...string) *Health {
	return &Health{limit: limit, families: families}
}

// Serves changes the families that Reports show a status for.
func (h *Health) Serves(families ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.families = families
}

// Working notes that at this time the loop has begun to do something: if it
// does not come to an end, a call of the kernel hangs.
func (h *Health) Working(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.working = now
}

// Resting notes that the loop has come to an end and waits.
func (h *Health) Resting() { h.Working(time.Time{}) }

// Failing notes what has been tried in vain for longest, and since when; the
// zero time: nothing has but for single rows.
func (h *Health) Failing(since time.Time, action string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing, h.action = since, action
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
	Reason       string            `json:"reason,omitempty"`
	Status       map[string]Status `json:"status"`
}

// Status is the part of a Report that is about one IP family.
type Status struct {
	LastUpdated time.Time `json:"lastUpdated"`
	Healthy     bool      `json:"healthy"`
}

// Report says how things stand now: whether traffic of this node is served.
func (h *Health) Report(now time.Time) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	reason := h.hang(now)
	switch {
	case h.overdue(h.failing, now):
		reason = "tried in vain since " + h.failing.UTC().Format(time.RFC3339) + ": " + h.action
	case reason == "" && h.overdue(h.queued, now):
		reason = "a change has waited since " + h.queued.UTC().Format(time.RFC3339)
	}
	r := h.report(now, reason)
	eligible := h.eligible
	r.NodeEligible = &eligible
	return r
}

// Liveness says only whether the loop hangs: what fails is not cured by another
// start.
func (h *Health) Liveness(now time.Time) Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.report(now, h.hang(now))
}

func (h *Health) overdue(since, now time.Time) bool {
	return !since.IsZero() && now.Sub(since) >= h.limit
}

// hang is why the loop is taken to hang, if it is.
func (h *Health) hang(now time.Time) string {
	if !h.overdue(h.working, now) {
		return ""
	}
	return "no end of the work that began at " + h.working.UTC().Format(time.RFC3339)
}

func (h *Health) report(now time.Time, reason string) Report {
	r := Report{LastUpdated: h.synced, CurrentTime: now, Healthy: reason == "", Reason: reason, Status: map[string]Status{}}
	for _, family := range h.families {
		r.Status[family] = Status{LastUpdated: h.synced, Healthy: r.Healthy}
	}
	return r
}
