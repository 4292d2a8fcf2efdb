package proxier_test

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kube-ipvs/kube-ipvs/e2e/apistub"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestAPIFaults lets the API misbehave in all its ways. No endpoint that is
// there all the time is touched at any moment, and in the end what the API
// holds is served (F1 to F4).
func TestAPIFaults(t *testing.T) {
	more := sliceOf("web", "c", "10.244.3.1")
	for name, fault := range map[string]func(*whole){
		"watches are cut": func(w *whole) {
			w.stub.CutWatches()
			w.set(more)
		},
		"410 Gone": func(w *whole) {
			w.set(more)
			w.stub.Forget()
			w.stub.ExpireWatches()
		},
		"the API server is away, and things change meanwhile": func(w *whole) {
			refused := w.refuse()
			w.stub.CutWatches()
			w.set(more)
			for range 4 {
				<-refused
			}
			if r := w.health.Report(time.Now()); !r.Healthy {
				w.t.Errorf("that the API server is away is no fault of this node: %+v", r)
			}
			w.stub.Before(nil)
		},
		"one resource is late": func(w *whole) {
			goOn := w.delay("/endpointslices")
			services := w.stub.Traffic().Watches["services"]
			w.stub.Forget()
			w.stub.ExpireWatches()
			w.set(served("web", "10.96.0.1"), served("shop", "10.96.0.2"), more)
			w.await(func(t apistub.Traffic) bool { return t.Watches["services"] > services && t.Open["services"] > 0 })
			goOn()
		},
		"a list is cut in the middle of an object": func(w *whole) {
			w.cutLists()
			w.stub.Forget()
			w.stub.ExpireWatches()
			w.set(more)
		},
		"events come twice and together": func(w *whole) {
			for range 20 {
				w.set(served("web", "10.96.0.1"), sliceOf("web", "b", "10.244.2.1"), sliceOf("web", "c", "10.244.9.9"), more)
			}
		},
		"an endpoint moves to another slice": func(w *whole) {
			w.set(sliceOf("web", "c", "10.244.2.1"))
			w.remove(sliceOf("web", "b"))
			w.set(sliceOf("web", "c", "10.244.2.1", "10.244.3.1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWhole(t)
			w.start()
			defer func() { w.stop() }()
			w.serves(atFirst...)
			w.keep()
			fault(w)
			w.serves(append([]string{"10.96.0.1 10.244.3.1"}, atFirst...)...)
		})
	}
}

// refuse has the API answer nothing; each refusal is told.
func (w *whole) refuse() (refused <-chan struct{}) {
	told := make(chan struct{}, 1)
	w.stub.Before(func(*http.Request) error {
		select {
		case told <- struct{}{}:
		default:
		}
		return apierrors.NewServiceUnavailable("the API server is away")
	})
	return told
}

// delay holds back requests for one resource until goOn is called.
func (w *whole) delay(resource string) (goOn func()) {
	late := make(chan struct{})
	w.stub.Before(func(r *http.Request) error {
		if strings.Contains(r.URL.Path, resource) {
			select {
			case <-late:
			case <-r.Context().Done():
			}
		}
		return nil
	})
	return func() { close(late) }
}

func (w *whole) await(enough func(apistub.Traffic) bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	if err := w.stub.Await(ctx, enough); err != nil {
		w.t.Fatal(err)
	}
}

// cutLists breaks the connection in the middle of the next answer to a list of
// slices.
func (w *whole) cutLists() {
	var cut atomic.Bool
	w.server.Config.Handler = http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.URL.Path, "endpointslices") || apistub.IsWatch(r) || !cut.CompareAndSwap(false, true) {
			w.stub.ServeHTTP(out, r)
			return
		}
		whole := httptest.NewRecorder()
		w.stub.ServeHTTP(whole, r)
		maps.Copy(out.Header(), whole.Header())
		out.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
		_, _ = out.Write(bytes.Clone(whole.Body.Bytes()[:whole.Body.Len()/2]))
		panic(http.ErrAbortHandler)
	})
}

// A daemon that starts while the API server is away, or slow, leaves in the
// kernel what is there.
func TestAStartWithoutTheAPIKeepsWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.start()
	w.serves(atFirst...)
	w.stop()
	before := w.kernel.Rows().String()
	w.kernel.Calls()
	refused := w.refuse()
	w.remove(sliceOf("web", "b"))
	w.keep()
	w.start()
	defer func() { w.stop() }()
	for range 4 {
		<-refused
	}
	if calls := w.kernel.Calls(); hasWritten(calls) || w.kernel.Rows().String() != before {
		t.Errorf("without the API the daemon has written:\n%s", calls)
	}
	if r := w.health.Report(time.Now()); !r.Healthy || w.health.Ready() {
		t.Errorf("ready %t, %+v; want alive and not ready", w.health.Ready(), r)
	}
	// Slices come first, then Services.
	goOn := w.delay("/services")
	w.await(func(t apistub.Traffic) bool { return t.Open["endpointslices"] > 0 })
	if calls := w.kernel.Calls(); hasWritten(calls) {
		t.Errorf("without the Services the daemon has written:\n%s", calls)
	}
	w.steady.Store(nil)
	goOn()
	w.serves(atFirst[0], atFirst[1], atFirst[3])
}

// A Service that is deleted and made again with the same address is served
// again, and others are not touched (F4).
func TestAServiceIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	w.start()
	defer func() { w.stop() }()
	w.serves(atFirst...)
	shop := map[state.RealServer]state.Weight{}
	for rs, weight := range w.kernel.Rows().RealServers {
		if rs.VirtualServer.Addr.Addr() == netip.MustParseAddr("10.96.0.2") {
			shop[rs] = weight
		}
	}
	w.steady.Store(&shop)
	for range 5 {
		w.remove(served("web", ""), sliceOf("web", "a"))
		w.set(served("web", "10.96.0.1"), sliceOf("web", "a", "10.244.1.1"))
	}
	w.serves("10.96.0.1 10.244.1.1", "10.96.0.1 10.244.2.1", "10.96.0.2 10.244.1.3")
}
