package main

import (
	"context"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	restmetrics "k8s.io/client-go/tools/metrics"
)

// programMetrics are those of the program as a whole: which one it is, and what
// it asks of the API server, in the names that all of Kubernetes has for that.
// The client library can be told only once whom to tell.
var programMetrics = sync.OnceValue(newProgramMetrics)

var droppedEvents = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "kubeipvs_events_dropped_total", Help: "Events that were not posted because too many waited, of one namespace or of all.",
})

func newProgramMetrics() prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubeipvs_build_info", Help: "1, with the version of this program.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	build.Set(1)
	r := newRequests()
	registry.MustRegister(build, droppedEvents, r.results, r.retries, r.took, r.waited)
	restmetrics.Register(restmetrics.RegisterOpts{
		RequestResult: r, RequestRetry: r, RequestLatency: timing{r.took}, RateLimiterLatency: timing{r.waited},
	})
	return registry
}

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
