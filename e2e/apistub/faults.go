package apistub

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Before lets f see every request that comes from now on, before it is
// answered. F may wait, which delays the answer (the request's context ends
// when the client gives up), and what it returns is answered instead: the
// status of an API error (apierrors.NewResourceExpired and the like), 500 for
// any other. Nil removes it.
func (s *Stub) Before(f func(*http.Request) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

func (s *Stub) hook() func(*http.Request) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before == nil {
		return func(*http.Request) error { return nil }
	}
	return s.before
}

// CutWatches breaks the connections of all watches that are open. What they
// were not told yet they will not be told.
func (s *Stub) CutWatches() { s.endWatches(nil) }

// ExpireWatches ends all watches that are open with 410 Gone, so that their
// clients must list again.
func (s *Stub) ExpireWatches() {
	s.endWatches(apierrors.NewResourceExpired("the history has been compacted"))
}

func (s *Stub) endWatches(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end.why = why
	close(s.end.done)
	s.end = &ending{done: make(chan struct{})}
}

// Forget makes all versions given out so far too old to watch from: a watch
// that comes back with one of them is told 410. Open watches go on.
func (s *Stub) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.floor = s.version
}

// Traffic counts what clients have asked, by resource ("services").
type Traffic struct {
	Lists   map[string]int               // by a list, or a watch that begins with all there is
	Watches map[string]int               // of every sort
	Open    map[string]int               // watches that are open now
	Events  []*unstructured.Unstructured // posted or patched
}

func newTraffic() Traffic {
	return Traffic{Lists: map[string]int{}, Watches: map[string]int{}, Open: map[string]int{}}
}

// Traffic is what has been asked until now.
func (s *Stub) Traffic() Traffic {
	t, _ := s.look()
	return t
}

func (s *Stub) look() (Traffic, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.traffic
	return Traffic{
		Lists:   maps.Clone(t.Lists),
		Watches: maps.Clone(t.Watches),
		Open:    maps.Clone(t.Open),
		Events:  slices.Clone(t.Events),
	}, s.news
}

// Await returns when enough holds of the traffic, or with an error when ctx
// ends before.
func (s *Stub) Await(ctx context.Context, enough func(Traffic) bool) error {
	for {
		t, news := s.look()
		if enough(t) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("wait for traffic (lists %v, watches %v, open %v, %d events): %w",
				t.Lists, t.Watches, t.Open, len(t.Events), ctx.Err())
		}
	}
}
