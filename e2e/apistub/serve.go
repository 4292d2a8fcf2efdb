package apistub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes/scheme"
)

// IsWatch tells a watch from a list, for the function given to Before.
func IsWatch(r *http.Request) bool { return isTrue(r.URL.Query().Get("watch")) }

// ServeHTTP answers one request.
func (s *Stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := s.serve(w, r); err != nil {
		status := statusOf(err)
		answer(w, int(status.Code), status)
	}
}

// serve returns an error only when nothing has been answered yet.
func (s *Stub) serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.hook()(r); err != nil {
		return err
	}
	if !acceptsJSON(r.Header) {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
			Message: "only application/json is spoken here",
		}}
	}
	if r.URL.Path == "/version" {
		answer(w, http.StatusOK, version.Info{Major: "1", Minor: "37", GitVersion: "v1.37.0-apistub"})
		return nil
	}
	p, ok := placeOf(r.URL.Path)
	if !ok {
		return notFound(r)
	}
	if p.Resource == "events" {
		return s.takeEvent(w, r, p)
	}
	k, ok := kindOf(p.GroupVersionResource)
	if !ok {
		return notFound(r)
	}
	if r.Method != http.MethodGet {
		return apierrors.NewMethodNotSupported(p.GroupResource(), r.Method)
	}
	q, err := queryOf(p, k, r)
	switch {
	case err != nil:
		return err
	case IsWatch(r):
		return s.watch(w, r, q)
	case q.name != "":
		return s.one(w, q)
	}
	return s.list(w, q)
}

func notFound(r *http.Request) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: r.URL.Path + " is not served here",
	}}
}

func (s *Stub) one(w http.ResponseWriter, q query) error {
	s.mu.Lock()
	u := s.objects[key{q.Resource, q.namespace, q.name}]
	s.mu.Unlock()
	if u == nil {
		return apierrors.NewNotFound(q.GroupResource(), q.name)
	}
	answer(w, http.StatusOK, u.Object)
	return nil
}

func (s *Stub) list(w http.ResponseWriter, q query) error {
	s.mu.Lock()
	items, now := s.now(q), s.version
	s.traffic.Lists[q.Resource]++
	s.tell()
	s.mu.Unlock()
	switch {
	case q.version > now:
		return tooLarge(q.version, now)
	case q.exact && q.version != now:
		return apierrors.NewResourceExpired(fmt.Sprintf("version %d is no longer kept, %d is", q.version, now))
	}
	objects := make([]any, 0, len(items))
	for _, u := range items {
		objects = append(objects, u.Object)
	}
	answer(w, http.StatusOK, map[string]any{
		"apiVersion": q.kind.GroupVersion().String(),
		"kind":       q.kind.Kind + "List",
		"metadata":   map[string]any{"resourceVersion": strconv.FormatInt(now, 10)},
		"items":      objects,
	})
	return nil
}

// tooLarge is what a client is told that comes from another, newer API; it asks
// again without a version then.
func tooLarge(version, now int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", version, now), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge}}
	return err
}

// takeEvent keeps an Event, new or patched, and hands it back.
func (s *Stub) takeEvent(w http.ResponseWriter, r *http.Request, p place) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch {
		return apierrors.NewMethodNotSupported(p.GroupResource(), r.Method)
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	event, err := eventOf(text)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("read event: %v", err))
	}
	s.mu.Lock()
	s.traffic.Events = append(s.traffic.Events, event)
	s.tell()
	s.mu.Unlock()
	code := http.StatusOK
	if r.Method == http.MethodPost {
		code = http.StatusCreated
	}
	answer(w, code, event.Object)
	return nil
}

// eventOf reads a whole Event, which comes as protobuf from clients that prefer
// it, or a patch of one.
func eventOf(text []byte) (*unstructured.Unstructured, error) {
	if obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil); err == nil {
		return unstructuredOf(obj)
	}
	u := &unstructured.Unstructured{}
	return u, json.Unmarshal(text, &u.Object)
}

func acceptsJSON(h http.Header) bool {
	accept := strings.Join(h.Values("Accept"), ",")
	return accept == "" || strings.Contains(accept, "application/json") || strings.Contains(accept, "*/*")
}

func statusOf(err error) metav1.Status {
	var known apierrors.APIStatus
	if !errors.As(err, &known) {
		known = apierrors.NewInternalError(err)
	}
	status := known.Status()
	status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
	return status
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a client that is gone needs no answer
}
