package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	v1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
)

// board is an API server to which Events are posted. While it is away nothing
// is answered.
type board struct {
	recorder *Recorder
	dropped  prometheus.Counter
	back     chan struct{} // is closed when it is there
	posted   chan *eventsv1.Event
}

func newBoard() *board {
	b := &board{
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "dropped"}),
		back:    make(chan struct{}),
		posted:  make(chan *eventsv1.Event, 1000),
	}
	b.recorder = newRecorder(b, b.dropped)
	return b
}

// Create is events.EventSink's.
func (b *board) Create(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) {
	<-b.back
	b.posted <- e
	return e, nil
}

// Update is events.EventSink's.
func (b *board) Update(_ context.Context, e *eventsv1.Event) (*eventsv1.Event, error) { return e, nil }

// Patch is events.EventSink's.
func (b *board) Patch(_ context.Context, e *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	return e, nil
}

// start has the recorder post until the test ends.
func (b *board) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.recorder.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func (b *board) warn(namespace, name, note string) {
	b.recorder.Warn(&v1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}},
		proxier.Warning{Reason: "NotServed", Action: "Program", Note: note})
}

// notes are the texts of those posted since the last time, one a line.
func (b *board) notes() (text string) {
	for {
		select {
		case e := <-b.posted:
			text += e.Regarding.Namespace + "/" + e.Regarding.Name + ": " + e.Note + "\n"
		default:
			return text
		}
	}
}

// However many Events one namespace is worth, there is a bound to what waits,
// and others' are posted.
func TestAFloodOfEventsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.start(t)
		before := runtime.NumGoroutine()
		for i := range 20_000 {
			b.warn("flood", fmt.Sprint("cart-", i), "cannot be")
		}
		b.warn("shop", "web", "cannot be either")
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := runtime.NumGoroutine() - before; n > 3*(mostOfNamespace+eventsAtOnce) {
			t.Errorf("while the API server is away there are %d goroutines more", n)
		}
		var counted dto.Metric
		if err := b.dropped.Write(&counted); err != nil {
			t.Fatal(err)
		}
		if n := counted.GetCounter().GetValue(); n < 20_000-mostOfNamespace-eventsAtOnce-1 {
			t.Errorf("%v Events were dropped", n)
		}
		close(b.back)
		synctest.Wait()
		if notes := b.notes(); !strings.Contains(notes, "shop/web: cannot be either\n") {
			t.Errorf("another namespace's Event was not posted, but %d", strings.Count(notes, "\n"))
		}
	})
}

// What waits is posted with the last that there was to say.
func TestEventsThatWaitAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		close(b.back)
		for i := range 100 {
			b.warn("shop", "web", fmt.Sprint("note ", i))
			b.warn("shop", "cart", fmt.Sprint("note ", i))
		}
		b.start(t)
		time.Sleep(time.Second)
		synctest.Wait()
		notes := b.notes()
		if strings.Count(notes, "\n") != 2 || !strings.Contains(notes, "shop/web: note 99\n") || !strings.Contains(notes, "shop/cart: note 99\n") {
			t.Errorf("posted\n%s", notes)
		}
	})
}

// A flood of Events is posted slowly, and the informers do not wait for it:
// clients have limits of their own.
func TestEventsHoldUpNoInformer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := Config{Master: server.URL}
	informers, err := c.client("", limits{perSecond: 5, atOnce: 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	toPost, err := c.client("", eventLimits, nil)
	if err != nil {
		t.Fatal(err)
	}
	for toPost.EventsV1().RESTClient().GetRateLimiter().TryAccept() {
	}
	if !informers.CoreV1().RESTClient().GetRateLimiter().TryAccept() {
		t.Error("requests of informers wait for Events")
	}
}
