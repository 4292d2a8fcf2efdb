package telemetry

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// probes count what the kubelet and load balancers were told: in kube-proxy's
// metrics, and in what every component of Kubernetes says of its own health at
// /metrics/slis, to be scraped often (k8s.io/component-base/metrics/prometheus/slis).
type probes struct {
	byPath map[string]*prometheus.CounterVec

	slis    *prometheus.Registry
	now     *prometheus.GaugeVec
	results *prometheus.CounterVec
}

func newProbes() probes {
	p := probes{
		byPath: map[string]*prometheus.CounterVec{
			"/healthz": counters("kubeproxy_proxy_healthz_total", "Answers to /healthz, by HTTP code.", "code"),
			"/livez":   counters("kubeproxy_proxy_livez_total", "Answers to /livez, by HTTP code.", "code"),
		},
		slis:    prometheus.NewRegistry(),
		now:     gauges("kubernetes_healthcheck", "This metric records the result of a single healthcheck.", "name", "type"),
		results: counters("kubernetes_healthchecks_total", "This metric records the results of all healthcheck.", "name", "type", "status"),
	}
	p.slis.MustRegister(p.now, p.results)
	return p
}

func (p probes) collectors() (all []prometheus.Collector) {
	for _, probe := range p.byPath {
		probe.WithLabelValues("200")
		probe.WithLabelValues("503")
		all = append(all, probe)
	}
	return all
}

// SLIs gathers what a component says of its own health.
func (t *Telemetry) SLIs() prometheus.Gatherer { return t.probes.slis }

// Answered counts an answer of the health server, whose one check is that the node
// is kept in sync. It may be called from any goroutine.
func (t *Telemetry) Answered(path string, code int) {
	const check = "sync"
	kind, status, good := strings.TrimPrefix(path, "/"), "success", 1.0
	if code != http.StatusOK {
		status, good = "error", 0
	}
	t.probes.now.WithLabelValues(check, kind).Set(good)
	t.probes.results.WithLabelValues(check, kind, status).Inc()
	if probe := t.probes.byPath[path]; probe != nil {
		probe.WithLabelValues(text(code)).Inc()
	}
}

func text(code int) string {
	if code < 300 {
		return "200"
	}
	return "503"
}
