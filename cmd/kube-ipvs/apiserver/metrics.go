package apiserver

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	restmetrics "k8s.io/client-go/tools/metrics"
)

var droppedEvents = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "kubeipvs_events_dropped_total", Help: "Events that were not posted because too many waited, of one namespace or of all.",
})

// Metrics are of what this process asks of the API server, in the names that all
// of Kubernetes has for that. Requests count from the first call on: the client
// library can be told only once whom to tell.
var Metrics = sync.OnceValue(func() []prometheus.Collector {
	r := newRequests()
	restmetrics.Register(restmetrics.RegisterOpts{
		RequestResult: r, RequestRetry: r, RequestLatency: timing{r.took}, RateLimiterLatency: timing{r.waited},
	})
	return []prometheus.Collector{droppedEvents, r.results, r.retries, r.took, r.waited}
})

// requests to the API server.
type requests struct {
	results, retries *prometheus.CounterVec
	took, waited     *prometheus.HistogramVec
}

func newRequests() requests {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rest_client_" + name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rest_client_" + name, Help: help,
			Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60},
		}, []string{"verb", "host"})
	}
	return requests{
		results: counter("requests_total", "Requests to the API server, by HTTP code, method and host.", "code", "method", "host"),
		retries: counter("request_retries_total", "Requests to the API server that were tried again.", "code", "verb", "host"),
		took:    histogram("request_duration_seconds", "Duration of requests to the API server."),
		waited:  histogram("rate_limiter_duration_seconds", "Time that requests to the API server waited for our own limit."),
	}
}

// Increment counts an answer.
func (r requests) Increment(_ context.Context, code, method, host string) {
	r.results.WithLabelValues(code, method, host).Inc()
}

// IncrementRetry counts another try.
func (r requests) IncrementRetry(_ context.Context, code, verb, host string) {
	r.retries.WithLabelValues(code, verb, host).Inc()
}

// timing is one of the histograms.
type timing struct{ of *prometheus.HistogramVec }

// Observe notes how long something took.
func (t timing) Observe(_ context.Context, verb string, at url.URL, took time.Duration) {
	t.of.WithLabelValues(verb, at.Host).Observe(took.Seconds())
}
