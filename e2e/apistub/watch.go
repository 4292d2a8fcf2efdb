package apistub

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// event is one line of a watch.
type event struct {
	Type   watch.EventType `json:"type"`
	Object any             `json:"object"`
}

// stream is a watch that is open: it has told all changes of the history
// before next.
type stream struct {
	query
	out  *json.Encoder
	next int
	end  *ending
}

// ending is how all watches that are open at one time end.
type ending struct {
	done chan struct{}
	why  error // set before done is closed; nil breaks the connection
}

func (s *Stub) watch(w http.ResponseWriter, r *http.Request, q query) error {
	st, first, err := s.open(q)
	if err != nil {
		return err
	}
	defer s.closed(q)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	st.out = json.NewEncoder(w)
	timeout := timeoutOf(r)
	for events := first; ; {
		if !st.say(events) || http.NewResponseController(w).Flush() != nil {
			return nil
		}
		var news <-chan struct{}
		if events, news = s.more(st); len(events) > 0 {
			continue
		}
		select {
		case <-news:
		case <-timeout:
			return nil
		case <-r.Context().Done():
			return nil
		case <-st.end.done:
			if st.end.why == nil {
				panic(http.ErrAbortHandler) // closes the connection in mid-answer
			}
			st.say([]event{{watch.Error, statusOf(st.end.why)}})
			return nil
		}
	}
}

// say tells events, and whether there can be more: not after an error.
func (st *stream) say(events []event) bool {
	for _, e := range events {
		if err := st.out.Encode(e); err != nil || e.Type == watch.Error {
			return false
		}
	}
	return true
}

func timeoutOf(r *http.Request) <-chan time.Time {
	seconds, err := strconv.Atoi(r.URL.Query().Get("timeoutSeconds"))
	if err != nil || seconds <= 0 {
		return nil
	}
	return time.After(time.Duration(seconds) * time.Second)
}

// open finds where the watch begins, and what it says at once.
func (s *Stub) open(q query) (*stream, []event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &stream{query: q, next: len(s.history), end: s.end}
	var first []event
	switch {
	case q.initial && q.version > s.version:
		return nil, nil, tooLarge(q.version, s.version)
	case q.initial:
		s.traffic.Lists[q.Resource]++
		for _, u := range s.now(q) {
			first = append(first, event{watch.Added, u.Object})
		}
		if q.ended && q.bookmarks {
			first = append(first, q.bookmark(s.version, map[string]string{metav1.InitialEventsAnnotationKey: "true"}))
		}
	case q.version == 0:
	case q.version < s.floor, q.version > s.version:
		// A version of the future is one of an API that was here before. To wait
		// for it would be to lose what happens meanwhile.
		status := statusOf(apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", q.version, s.version)))
		first = append(first, event{watch.Error, status})
	default:
		for st.next > 0 && s.history[st.next-1].version > q.version {
			st.next--
		}
	}
	s.traffic.Watches[q.Resource]++
	s.traffic.Open[q.Resource]++
	s.tell()
	return st, first, nil
}

func (s *Stub) closed(q query) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.traffic.Open[q.Resource]--
	s.tell()
}

// more is what has changed since the last call, and a channel that is closed
// when there is more again. A bookmark moves the client past changes that it
// does not want to see.
func (s *Stub) more(st *stream) ([]event, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-st.end.done:
		return nil, s.news // what was not told yet is lost on the way
	default:
	}
	var events []event
	fresh := s.history[st.next:]
	st.next = len(s.history)
	told := false
	for _, c := range fresh {
		var e event
		if e, told = st.see(c); told {
			events = append(events, e)
		}
	}
	if len(fresh) > 0 && !told && st.bookmarks {
		events = append(events, st.bookmark(fresh[len(fresh)-1].version, nil))
	}
	return events, s.news
}

// see is a change in the eyes of one who sees only what he asked for.
func (q query) see(c change) (event, bool) {
	if c.resource != q.Resource {
		return event{}, false
	}
	was, is := q.wants(c.was), q.wants(c.is)
	switch {
	case is && was:
		return event{watch.Modified, c.is.Object}, true
	case is:
		return event{watch.Added, c.is.Object}, true
	case was:
		gone := c.was.DeepCopy()
		gone.SetResourceVersion(strconv.FormatInt(c.version, 10))
		return event{watch.Deleted, gone.Object}, true
	}
	return event{}, false
}

func (q query) bookmark(version int64, annotations map[string]string) event {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(q.kind.GroupVersionKind)
	u.SetResourceVersion(strconv.FormatInt(version, 10))
	u.SetAnnotations(annotations)
	return event{watch.Bookmark, u.Object}
}
