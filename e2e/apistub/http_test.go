package apistub

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnswers(t *testing.T) {
	const services = "/api/v1/services"
	s := shop(t) // seven objects: version 1007
	s.Forget()   // 1008
	for _, c := range []struct {
		method, path string
		want         string // code, then the kind, reason or names
	}{
		{"GET", "/version", "200"},
		{"GET", "/api/v1/nodes/node", "200 Node"},
		{"GET", "/api/v1/namespaces/shop/services/cart", "200 Service"},
		{"GET", "/api/v1/namespaces/elsewhere/services/cart", "404 NotFound"},
		{"GET", services, "200 ServiceList 1008 cart foreign till"},
		{"GET", "/api/v1/namespaces/shop/services", "200 ServiceList 1008 cart foreign till"},
		{"GET", "/api/v1/namespaces/elsewhere/services", "200 ServiceList 1008"},
		{"GET", services + "?fieldSelector=spec.clusterIP!%3DNone", "200 ServiceList 1008 cart foreign"},
		{"GET", services + "?fieldSelector=metadata.name%3Dtill,metadata.namespace%3Dshop", "200 ServiceList 1008 till"},
		{"GET", services + "?labelSelector=!service.kubernetes.io/service-proxy-name", "200 ServiceList 1008 cart till"},
		{"GET", services + "?labelSelector=service.kubernetes.io/service-proxy-name%3Danother", "200 ServiceList 1008 foreign"},
		{"GET", services + "?resourceVersion=0&limit=500", "200 ServiceList 1008 cart foreign till"},
		{"GET", services + "?resourceVersion=1003", "200 ServiceList 1008 cart foreign till"},
		{"GET", services + "?resourceVersion=1003&resourceVersionMatch=Exact", "410 Expired"},
		{"GET", services + "?resourceVersion=1009", "504 Timeout"},
		{"GET", services + "?resourceVersion=x", "400 BadRequest"},
		{"GET", services + "?labelSelector=a%3D%3D%3Db", "400 BadRequest"},
		{"GET", services + "?fieldSelector=spec.externalName%3Dx", "400 BadRequest"},
		{"GET", services + "?watch=1&sendInitialEvents=true", "400 BadRequest"},
		{"GET", services + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1009", "504 Timeout"},
		{"GET", "/apis/discovery.k8s.io/v1/endpointslices", "200 EndpointSliceList 1008 cart-v4 till-v4"},
		{"GET", "/apis/networking.k8s.io/v1/servicecidrs", "200 ServiceCIDRList 1008"},
		{"GET", "/apis/discovery.k8s.io/v1beta1/endpointslices", "404 NotFound"},
		{"GET", "/api/v1/secrets", "404 NotFound"},
		{"GET", "/", "404 NotFound"},
		{"POST", services, "405 MethodNotAllowed"},
		{"GET", "/api/v1/namespaces/shop/events", "405 MethodNotAllowed"},
		{"POST", "/api/v1/namespaces/shop/events", "400 BadRequest"},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader("")))
		if got := summary(t, w); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
}

// summary is the code, the kind or the reason, the version of a list and the
// names in it.
func summary(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct {
		Kind, Reason string
		Metadata     struct{ ResourceVersion string }
		Items        []metav1.PartialObjectMetadata
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	words := []string{fmt.Sprint(w.Code), body.Kind}
	switch {
	case body.Kind == "Status":
		words[1] = body.Reason
	case strings.HasSuffix(body.Kind, "List"):
		words = append(words, body.Metadata.ResourceVersion)
	}
	for _, i := range body.Items {
		words = append(words, i.Name)
	}
	return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
}

func TestOnlyJSON(t *testing.T) {
	for accept, want := range map[string]int{
		"":                                    http.StatusOK,
		"*/*":                                 http.StatusOK,
		"application/vnd.kubernetes.protobuf": http.StatusNotAcceptable,
		"application/vnd.kubernetes.protobuf,application/json": http.StatusOK,
	} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/nodes", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		New().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Accept %q: %d, want %d", accept, w.Code, want)
		}
	}
}

// lines opens a watch and reads its events as "TYPE name version", and
// "end" behind the version of the bookmark that ends the beginning.
func lines(t *testing.T, s *Stub, query string) func() string {
	t.Helper()
	server := httptest.NewServer(s)
	ctx, cancel := context.WithCancel(deadline(t))
	t.Cleanup(func() { cancel(); server.CloseClientConnections(); server.Close() })
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/services?watch=true&"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("watch %s: %s", query, answer.Status)
	}
	in := bufio.NewReader(answer.Body)
	return func() string {
		line, err := in.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		var e struct {
			Type   string
			Object struct {
				metav1.PartialObjectMetadata
				Code int
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Object.Code != 0 {
			return fmt.Sprintf("%s %d", e.Type, e.Object.Code)
		}
		if e.Object.Kind != "Service" {
			t.Errorf("not of kind Service: %s", line)
		}
		words := []string{e.Type, e.Object.Name, e.Object.ResourceVersion}
		if e.Object.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
			words = append(words, "end")
		}
		return strings.Join(slices.DeleteFunc(words, func(s string) bool { return s == "" }), " ")
	}
}

func expectLines(t *testing.T, next func() string, want ...string) {
	t.Helper()
	var got []string
	for range want {
		got = append(got, next())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestWatchBeginsWhereItIsTold(t *testing.T) {
	const initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
	change := func(s *Stub) { set(t, s, service("cart", "10.96.0.11")) } // 1008
	for query, want := range map[string][]string{
		"":                  {"ADDED cart 1001", "ADDED foreign 1006", "ADDED till 1004", "MODIFIED cart 1008"},
		"resourceVersion=0": {"ADDED cart 1001", "ADDED foreign 1006", "ADDED till 1004", "MODIFIED cart 1008"},
		initial:             {"ADDED cart 1001", "ADDED foreign 1006", "ADDED till 1004", "MODIFIED cart 1008"},
		initial + "&resourceVersion=1003&allowWatchBookmarks=true": {
			"ADDED cart 1001", "ADDED foreign 1006", "ADDED till 1004", "BOOKMARK 1007 end", "MODIFIED cart 1008",
		},
		"sendInitialEvents=false&resourceVersionMatch=NotOlderThan": {"MODIFIED cart 1008"},
		"resourceVersion=1007": {"MODIFIED cart 1008"},
		"resourceVersion=1005": {"ADDED foreign 1006", "MODIFIED cart 1008"},
		"resourceVersion=1000": {"ADDED cart 1001", "ADDED till 1004", "ADDED foreign 1006", "MODIFIED cart 1008"},
		"resourceVersion=1009": {"ERROR 410", "EOF"},
	} {
		t.Run(query, func(t *testing.T) {
			s := shop(t)
			next := lines(t, s, query)
			change(s)
			expectLines(t, next, want...)
		})
	}
}

func TestWatchFromAForgottenVersion(t *testing.T) {
	s := shop(t)
	open := lines(t, s, "resourceVersion=1007")
	s.Forget()
	expectLines(t, lines(t, s, "resourceVersion=1007"), "ERROR 410", "EOF")
	young := lines(t, s, "resourceVersion=1008")
	set(t, s, service("cart", "10.96.0.11"))
	expectLines(t, open, "MODIFIED cart 1009")
	expectLines(t, young, "MODIFIED cart 1009")
}

func TestOwnershipmarkPassesWhatIsNotWatched(t *testing.T) {
	s := shop(t)
	next := lines(t, s, "resourceVersion=1007&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dcart")
	without := lines(t, s, "resourceVersion=1007&fieldSelector=metadata.name%3Dcart")
	set(t, s, node("node3"))
	expectLines(t, next, "BOOKMARK 1008")
	set(t, s, service("cart", "10.96.0.11"))
	expectLines(t, next, "MODIFIED cart 1009")
	remove(t, s, service("till", ""))
	expectLines(t, next, "BOOKMARK 1010")
	remove(t, s, service("cart", ""))
	expectLines(t, next, "DELETED cart 1011")
	expectLines(t, without, "MODIFIED cart 1009", "DELETED cart 1011")
}

func TestWatchesEnd(t *testing.T) {
	s := shop(t)
	next := lines(t, s, "resourceVersion=1007")
	s.CutWatches()
	expectLines(t, next, "unexpected EOF")
	next = lines(t, s, "resourceVersion=1007")
	s.ExpireWatches()
	expectLines(t, next, "ERROR 410", "EOF")
	expectLines(t, lines(t, s, "resourceVersion=1007&timeoutSeconds=1"), "EOF")
	if err := s.Await(deadline(t), func(t Traffic) bool { return t.Open["services"] == 0 }); err != nil {
		t.Error(err)
	}
}

func TestEventsAreTaken(t *testing.T) {
	s := New()
	client := clientOf(t, s)
	ctx := deadline(t)
	for _, name := range []string{"first", "second"} {
		event := &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Reason: "Because"}
		got, err := client.EventsV1().Events("shop").Create(ctx, event, metav1.CreateOptions{})
		if err != nil || got.Name != name || got.Reason != "Because" {
			t.Errorf("create %s: %v, %v", name, got, err)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/api/v1/namespaces/shop/events", strings.NewReader(`{"kind":"Event","apiVersion":"v1","metadata":{"name":"third"}}`))
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusCreated {
		t.Errorf("post JSON: %d, want 201", w.Code)
	}
	var names []string
	for _, e := range s.Traffic().Events {
		names = append(names, e.GetName())
	}
	if d := cmp.Diff([]string{"first", "second", "third"}, names); d != "" {
		t.Error(d)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Await(short, func(t Traffic) bool { return len(t.Events) > 3 }); !errors.Is(err, context.Canceled) {
		t.Errorf("Await: %v, want %v", err, context.Canceled)
	}
}
