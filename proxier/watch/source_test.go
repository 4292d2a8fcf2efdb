package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// apiServer has no objects. It notes what it is asked, and refuses what refuse
// has an answer for.
type apiServer struct {
	refuse func(resource string, r *http.Request) *apierrors.StatusError

	mu    sync.Mutex
	asked []string // "services label=… field=…", in order
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resource, q := path.Base(r.URL.Path), r.URL.Query()
	a.mu.Lock()
	a.asked = append(a.asked, fmt.Sprintf("%s label=%s field=%s", resource, q.Get("labelSelector"), q.Get("fieldSelector")))
	a.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	if no := a.refuse(resource, r); no != nil {
		w.WriteHeader(int(no.ErrStatus.Code))
		_ = json.NewEncoder(w).Encode(no.ErrStatus)
		return
	}
	kind := map[string]string{"services": "Service", "endpointslices": "EndpointSlice", "nodes": "Node", "servicecidrs": "ServiceCIDR"}[resource]
	version := strings.TrimPrefix(path.Dir(strings.TrimPrefix(r.URL.Path, "/apis/")), "/api/")
	if q.Get("watch") == "" {
		_, _ = fmt.Fprintf(w, `{"kind":"%sList","apiVersion":%q,"metadata":{"resourceVersion":"1"},"items":[]}`, kind, version)
		return
	}
	if q.Get("sendInitialEvents") == "true" {
		_, _ = fmt.Fprintf(w, `{"type":"BOOKMARK","object":{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"1","annotations":{%q:"true"}}}}`,
			kind, version, metav1.InitialEventsAnnotationKey)
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// questions are the different ones, sorted.
func (a *apiServer) questions() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(a.asked)))
}

// follow runs a Cluster against a until the test ends, and waits for it to sync.
func (a *apiServer) follow(t *testing.T) {
	t.Helper()
	server := httptest.NewServer(a)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := New(client, "n1", NewChanges())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { cluster.Run(ctx); close(stopped) }()
	t.Cleanup(func() { cancel(); <-stopped; server.Close() })

	limit, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	if err := cluster.WaitForSync(limit); err != nil {
		t.Fatalf("sync: %v; asked:\n%s", err, strings.Join(a.questions(), "\n"))
	}
}

func nothing(string, *http.Request) *apierrors.StatusError { return nil }

var invalidOptions = apierrors.NewInvalid(metav1.SchemeGroupVersion.WithKind("ListOptions").GroupKind(), "", nil)

// cannotStream refuses as servers do that have no streaming lists.
func cannotStream(_ string, r *http.Request) *apierrors.StatusError {
	if r.URL.Query().Has("sendInitialEvents") {
		return invalidOptions
	}
	return nil
}

const (
	askServices     = "services label=!service.kubernetes.io/service-proxy-name field=spec.clusterIP!=None"
	askAllServices  = "services label=!service.kubernetes.io/service-proxy-name field="
	askSlices       = "endpointslices label=!service.kubernetes.io/headless field="
	askNodes        = "nodes label= field="
	askRanges       = "servicecidrs label= field="
	unknownFieldMsg = `Unable to find "/v1, Resource=services" that match label selector, field selector: field label not supported: spec.clusterIP`
)

func expectQuestions(t *testing.T, a *apiServer, want ...string) {
	t.Helper()
	if got := a.questions(); !slices.Equal(got, want) {
		t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOnlyWhatConcernsUsIsAskedFor(t *testing.T) {
	a := &apiServer{refuse: nothing}
	a.follow(t)
	expectQuestions(t, a, askSlices, askNodes, askRanges, askServices)
}

func TestListsServeWhereTheServerCannotStreamThem(t *testing.T) {
	a := &apiServer{refuse: cannotStream}
	a.follow(t)
	expectQuestions(t, a, askSlices, askNodes, askRanges, askServices)
}

func TestAnOldServerIsAskedForServicesWithoutTheFieldItDoesNotKnow(t *testing.T) {
	a := &apiServer{refuse: func(resource string, r *http.Request) *apierrors.StatusError {
		if resource == "services" && r.URL.Query().Has("fieldSelector") {
			return apierrors.NewBadRequest(unknownFieldMsg)
		}
		return cannotStream(resource, r)
	}}
	a.follow(t)
	expectQuestions(t, a, askSlices, askNodes, askRanges, askAllServices, askServices)

	refused := 0
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.asked {
		if q == askServices {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("asked %d times for a field that is unknown", refused)
	}
}

func TestAFailureIsLoggedOnceAndSoIsItsEnd(t *testing.T) {
	var lines []string
	logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	ctx := klog.NewContext(t.Context(), logger)
	s := &source[*v1.ServiceList]{name: "Services"}
	down := errors.New("connection refused")
	plain, stream := metav1.ListOptions{}, metav1.ListOptions{SendInitialEvents: new(bool)}

	s.report(ctx, plain, nil)
	s.report(ctx, plain, apierrors.NewResourceExpired("too old"))
	s.report(ctx, stream, invalidOptions)
	if len(lines) != 0 {
		t.Errorf("logged what is expected: %q", lines)
	}

	for range 3 {
		s.report(ctx, plain, down)
		s.report(ctx, stream, down)
	}
	if len(lines) != 1 || !strings.Contains(lines[0], "connection refused") || !strings.Contains(lines[0], "Services") {
		t.Errorf("failures logged as %q", lines)
	}
	s.report(ctx, plain, nil)
	s.report(ctx, plain, nil)
	if len(lines) != 2 {
		t.Errorf("recovery logged as %q", lines[1:])
	}
	s.report(ctx, plain, invalidOptions)
	if len(lines) != 3 {
		t.Errorf("second failure logged as %q", lines[2:])
	}

	ended, cancel := context.WithCancel(ctx)
	cancel()
	s.report(ctx, plain, nil)
	s.report(ended, plain, context.Canceled)
	if len(lines) != 4 {
		t.Errorf("our own end logged as %q", lines[4:])
	}
}

// Servers before 1.33 have no ServiceCIDRs, and old roles do not allow them.
func TestServiceCIDRsMayBeMissing(t *testing.T) {
	kind := schema.GroupResource{Group: "networking.k8s.io", Resource: "servicecidrs"}
	for name, no := range map[string]*apierrors.StatusError{
		"not known":   apierrors.NewNotFound(kind, ""),
		"not allowed": apierrors.NewForbidden(kind, "", nil),
	} {
		t.Run(name, func(t *testing.T) {
			a := &apiServer{refuse: func(resource string, _ *http.Request) *apierrors.StatusError {
				if resource == "servicecidrs" {
					return no
				}
				return nil
			}}
			a.follow(t) // fails when that is waited for
		})
	}
}
