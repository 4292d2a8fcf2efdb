package apiserver

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/kube-ipvs/kube-ipvs/proxier"
)

// What Events may cost, however many there would be to post.
const (
	eventsPerSecond = 2
	eventsAtOnce    = 50
	mostWaiting     = 1000 // that wait to be posted
	mostOfNamespace = 100  // of these, about objects of one namespace: no tenant keeps others from being told
)

// eventLimits are twice as high: the library posts series anew.
var eventLimits = limits{2 * eventsPerSecond, 2 * eventsAtOnce, 30 * time.Second}

// Recorder posts Events at a rate of its own. It never waits for the API
// server, and drops what comes too fast.
type Recorder struct {
	broadcaster events.EventBroadcaster
	post        events.EventRecorder
	pace        flowcontrol.RateLimiter
	dropped     prometheus.Counter

	mu      sync.Mutex
	waiting []event
	wake    chan struct{}
}

// event is one that waits. Of two with one subject the later one is posted alone.
type event struct {
	subject
	about runtime.Object
	note  string
}

// subject is an object, and what there is to say of it.
type subject struct {
	uid                             types.UID
	namespace, name, reason, action string
}

func newRecorder(sink events.EventSink, dropped prometheus.Counter) *Recorder {
	b := events.NewBroadcaster(sink)
	return &Recorder{
		broadcaster: b, post: b.NewRecorder(scheme.Scheme, "kube-ipvs"), dropped: dropped,
		pace: flowcontrol.NewTokenBucketRateLimiter(eventsPerSecond, eventsAtOnce),
		wake: make(chan struct{}, 1),
	}
}

// Warn says on a Service that something it asks for is not to be had.
func (r *Recorder) Warn(about *v1.Service, of proxier.Warning) { r.add(about, about.ObjectMeta, of) }

// WarnNode says on our Node what concerns all of it.
func (r *Recorder) WarnNode(about *v1.Node, of proxier.Warning) { r.add(about, about.ObjectMeta, of) }

func (r *Recorder) add(about runtime.Object, meta metav1.ObjectMeta, of proxier.Warning) {
	e := event{subject{meta.UID, meta.Namespace, meta.Name, of.Reason, of.Action}, about, of.Note}
	r.mu.Lock()
	defer r.mu.Unlock()
	ofNamespace := 0
	for i, w := range r.waiting {
		if w.subject == e.subject {
			r.waiting[i] = e
			return
		}
		if w.namespace == e.namespace {
			ofNamespace++
		}
	}
	if len(r.waiting) == mostWaiting || ofNamespace == mostOfNamespace {
		r.dropped.Inc()
		return
	}
	r.waiting = append(r.waiting, e)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// next is the one that has waited longest; there is one.
func (r *Recorder) next() event {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.waiting[0]
	r.waiting = slices.Delete(r.waiting, 0, 1)
	return e
}

func (r *Recorder) any() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.waiting) > 0
}

// Run posts what waits until ctx ends. The library has a goroutine for each
// Event that it could not post yet, and gives up after twelve tries: the pace
// bounds these.
func (r *Recorder) Run(ctx context.Context) error {
	if err := r.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return fmt.Errorf("post Events: %w", err)
	}
	defer r.broadcaster.Shutdown()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		for r.any() && r.pace.Wait(ctx) == nil {
			e := r.next()
			r.post.Eventf(e.about, nil, v1.EventTypeWarning, e.reason, e.action, "%s", e.note)
		}
	}
}
