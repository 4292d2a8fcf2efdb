package proxier

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// slis are what every component of Kubernetes says of its own health at
// /metrics/slis, to be scraped often (k8s.io/component-base/metrics/prometheus/slis).
type slis struct {
	registry *prometheus.Registry
	now      *prometheus.GaugeVec
	answers  *prometheus.CounterVec
}

func newSLIs() slis {
	s := slis{
		prometheus.NewRegistry(),
		gauges("kubernetes_healthcheck", "This metric records the result of a single healthcheck.", "name", "type"),
		counters("kubernetes_healthchecks_total", "This metric records the results of all healthcheck.", "name", "type", "status"),
	}
	s.registry.MustRegister(s.now, s.answers)
	return s
}

// note counts an answer of the health server; its one check is that the node is
// kept in sync.
func (s slis) note(path string, code int) {
	const check = "sync"
	kind, status, good := strings.TrimPrefix(path, "/"), "success", 1.0
	if code != http.StatusOK {
		status, good = "error", 0
	}
	s.now.WithLabelValues(check, kind).Set(good)
	s.answers.WithLabelValues(check, kind, status).Inc()
}

// SLIs gathers what a component says of its own health.
func (p *Proxier) SLIs() prometheus.Gatherer { return p.metrics.slis.registry }
