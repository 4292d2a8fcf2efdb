package health

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// In a bubble the clock starts at midnight of 2000-01-01 and stands still
// unless a goroutine sleeps.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		feed   func(*Health)
		answer map[string]string
	}{
		{"fresh", func(h *Health) { h.NodeEligible(true) }, map[string]string{
			"/healthz": `503 {"lastUpdated":"0001-01-01T00:00:00Z","currentTime":"2000-01-01T00:00:00Z","nodeEligible":true,"healthy":true,` +
				`"reason":"no pass has ended yet","status":{"IPv4":{"lastUpdated":"0001-01-01T00:00:00Z","healthy":true}}}`,
			"/livez": `200 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:00:00Z","healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"0001-01-01T00:00:00Z","healthy":true}}}`,
			"/readyz": `503 {"ready":false}`,
		}},
		{"in sync for ten seconds", func(h *Health) {
			h.NodeEligible(true)
			h.Synced(time.Now())
			time.Sleep(10 * time.Second)
		}, map[string]string{
			"/healthz": `200 {"lastUpdated":"2000-01-01T00:00:10Z","currentTime":"2000-01-01T00:00:10Z","nodeEligible":true,"healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/livez": `200 {"lastUpdated":"2000-01-01T00:00:10Z","currentTime":"2000-01-01T00:00:10Z","healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/readyz": `200 {"ready":true}`,
		}},
		{"behind", func(h *Health) {
			h.NodeEligible(true)
			h.Synced(time.Now())
			h.Queued(time.Now())
			time.Sleep(time.Minute)
		}, map[string]string{
			"/healthz": `503 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:01:00Z","nodeEligible":true,"healthy":false,` +
				`"reason":"a change has waited since 2000-01-01T00:00:00Z","status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":false}}}`,
			"/livez": `200 {"lastUpdated":"2000-01-01T00:01:00Z","currentTime":"2000-01-01T00:01:00Z","healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/readyz": `200 {"ready":true}`,
		}},
		{"something fails", func(h *Health) {
			h.NodeEligible(true)
			h.Synced(time.Now())
			h.Failing(time.Now(), "read any virtual server")
			time.Sleep(time.Minute)
		}, map[string]string{
			"/healthz": `503 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:01:00Z","nodeEligible":true,"healthy":false,` +
				`"reason":"tried in vain since 2000-01-01T00:00:00Z: read any virtual server",` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":false}}}`,
			"/livez": `200 {"lastUpdated":"2000-01-01T00:01:00Z","currentTime":"2000-01-01T00:01:00Z","healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/readyz": `200 {"ready":true}`,
		}},
		{"the loop hangs", func(h *Health) {
			h.NodeEligible(true)
			h.Synced(time.Now())
			h.Working(time.Now())
			time.Sleep(time.Minute)
		}, map[string]string{
			"/healthz": `503 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:01:00Z","nodeEligible":true,"healthy":false,` +
				`"reason":"no end of the work that began at 2000-01-01T00:00:00Z",` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":false}}}`,
			"/livez": `503 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:01:00Z","healthy":false,` +
				`"reason":"no end of the work that began at 2000-01-01T00:00:00Z",` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":false}}}`,
			"/readyz": `200 {"ready":true}`,
		}},
		{"about to be deleted", func(h *Health) {
			h.NodeEligible(true)
			h.Synced(time.Now())
			h.NodeEligible(false)
		}, map[string]string{
			"/healthz": `503 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:00:00Z","nodeEligible":false,"healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/livez": `200 {"lastUpdated":"2000-01-01T00:00:00Z","currentTime":"2000-01-01T00:00:00Z","healthy":true,` +
				`"status":{"IPv4":{"lastUpdated":"2000-01-01T00:00:00Z","healthy":true}}}`,
			"/readyz": `200 {"ready":true}`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := New(time.Minute, "IPv4")
				c.feed(h)
				for path, want := range c.answer {
					told := ""
					handler := h.Handler(func(path string, code int) { told += fmt.Sprintf("%s %d", path, code) })
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
					if got := fmt.Sprintf("%d %s", w.Code, strings.TrimSpace(w.Body.String())); got != want {
						t.Errorf("%s:\n%s\nwant:\n%s", path, got, want)
					}
					if want := fmt.Sprintf("%s %d", path, w.Code); told != want {
						t.Errorf("told of %q, want %q", told, want)
					}
					if got := w.Header().Get("Content-Type"); got != "application/json" {
						t.Errorf("%s: content type %q", path, got)
					}
				}
			})
		})
	}
}

func TestNobodyNeedBeToldOfAnswers(t *testing.T) {
	w := httptest.NewRecorder()
	New(time.Minute).Handler(nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/livez", nil))
	if w.Code != 200 {
		t.Errorf("answered %d", w.Code)
	}
}
