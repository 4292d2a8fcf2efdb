package health

import (
	"testing"
	"time"
)

var start = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func after(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name    string
		feed    func(*Health)
		at      int
		healthy bool
		updated time.Time
	}{
		{"nothing asked, nothing done", func(*Health) {}, 1000, true, time.Time{}},
		{"a change has just come in", func(h *Health) { h.Queued(after(0)) }, 59, true, time.Time{}},
		{"a change has waited for the limit", func(h *Health) { h.Queued(after(0)) }, 60, false, time.Time{}},
		{"later changes do not reset the wait", func(h *Health) {
			h.Queued(after(0))
			h.Queued(after(50))
		}, 60, false, time.Time{}},
		{"the loop has worked for less than the limit", func(h *Health) { h.Working(after(0)) }, 59, true, time.Time{}},
		{"the loop has worked for the limit", func(h *Health) { h.Working(after(0)) }, 60, false, time.Time{}},
		{"the loop rests", func(h *Health) {
			h.Working(after(0))
			h.Resting()
		}, 1000, true, time.Time{}},
		{"something has failed for less than the limit", func(h *Health) { h.Failing(after(0), "create address") }, 59, true, time.Time{}},
		{"something has failed for the limit", func(h *Health) { h.Failing(after(0), "create address") }, 60, false, time.Time{}},
		{"it fails no more", func(h *Health) {
			h.Failing(after(0), "create address")
			h.Failing(time.Time{}, "")
		}, 1000, true, time.Time{}},
		{"a sync ends the wait", func(h *Health) {
			h.Queued(after(0))
			h.Synced(after(70))
		}, 1000, true, after(70)},
		{"a change after a sync waits anew", func(h *Health) {
			h.Queued(after(0))
			h.Synced(after(10))
			h.Queued(after(20))
		}, 79, true, after(10)},
		{"and is late anew", func(h *Health) {
			h.Queued(after(0))
			h.Synced(after(10))
			h.Queued(after(20))
		}, 80, false, after(10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := New(time.Minute, "IPv4", "IPv6")
			c.feed(h)
			r := h.Report(after(c.at))
			if r.Healthy != c.healthy || !r.LastUpdated.Equal(c.updated) || !r.CurrentTime.Equal(after(c.at)) {
				t.Errorf("report: %+v", r)
			}
			want := Status{LastUpdated: c.updated, Healthy: c.healthy}
			if len(r.Status) != 2 || r.Status["IPv4"] != want || r.Status["IPv6"] != want {
				t.Errorf("status: %+v, want twice %+v", r.Status, want)
			}
		})
	}
}

func TestReadyIsAfterTheFirstSyncAndForEver(t *testing.T) {
	h := New(time.Minute)
	h.Queued(after(0))
	if h.Ready() {
		t.Error("ready before the first sync")
	}
	h.Synced(after(1))
	h.Queued(after(2))
	if !h.Ready() {
		t.Error("not ready after the first sync")
	}
}
