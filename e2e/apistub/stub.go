package apistub

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// Stub is the API. It is an http.Handler.
type Stub struct {
	mu      sync.Mutex
	version int64 // the newest
	floor   int64 // a watch from an older version is told 410
	objects map[key]*unstructured.Unstructured
	history []change // all of it: a test does not live long
	traffic Traffic
	before  func(*http.Request) error

	news chan struct{} // closed when anything above has changed
	end  *ending       // of the watches that are open
}

// change is one version of one object. Objects that were stored are never
// written to again.
type change struct {
	key
	version int64
	was, is *unstructured.Unstructured // nil: was not there, is no more
}

// New returns a Stub that holds nothing.
func New() *Stub {
	return &Stub{
		version: 1000,
		objects: map[key]*unstructured.Unstructured{},
		traffic: newTraffic(),
		news:    make(chan struct{}),
		end:     &ending{done: make(chan struct{})},
	}
}

// Set creates or replaces an object. Each call makes a new version and an
// event, even if nothing differs.
func (s *Stub) Set(obj runtime.Object) error {
	k, u, err := object(obj)
	if err != nil {
		return fmt.Errorf("set %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.objects[k]
	if was != nil {
		u.SetUID(was.GetUID())
		u.SetCreationTimestamp(was.GetCreationTimestamp())
	}
	if u.GetUID() == "" {
		u.SetUID(types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", s.version+1)))
	}
	if created := u.GetCreationTimestamp(); created.IsZero() {
		u.SetCreationTimestamp(metav1.Now())
	}
	s.objects[k] = u
	s.changed(k, was, u)
	return nil
}

// Delete removes an object, of which only kind, namespace and name matter.
func (s *Stub) Delete(obj runtime.Object) error {
	k, _, err := object(obj)
	if err != nil {
		return fmt.Errorf("delete %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.objects[k]
	if !ok {
		return fmt.Errorf("delete %s: not there", k)
	}
	delete(s.objects, k)
	s.changed(k, was, nil)
	return nil
}

// changed notes a change under a new version.
func (s *Stub) changed(k key, was, is *unstructured.Unstructured) {
	s.version++
	if is != nil {
		is.SetResourceVersion(strconv.FormatInt(s.version, 10))
	}
	s.history = append(s.history, change{key: k, version: s.version, was: was, is: is})
	s.tell()
}

// tell wakes everybody who waits for something to change.
func (s *Stub) tell() {
	close(s.news)
	s.news = make(chan struct{})
}

// now lists what q asks for, sorted.
func (s *Stub) now(q query) []*unstructured.Unstructured {
	var found []*unstructured.Unstructured
	for _, k := range slices.SortedFunc(maps.Keys(s.objects), func(a, b key) int { return strings.Compare(a.String(), b.String()) }) {
		if u := s.objects[k]; k.resource == q.kind.resource && q.wants(u) {
			found = append(found, u)
		}
	}
	return found
}
