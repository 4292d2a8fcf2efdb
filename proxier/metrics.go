package proxier

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// metrics are the collectors. Those of kube-proxy keep their names where they
// have the same meaning, so that dashboards and alerts go on working.
type metrics struct {
	registry *prometheus.Registry

	rows     *prometheus.GaugeVec
	calls    *prometheus.CounterVec
	listings *prometheus.CounterVec
	drift    *prometheus.CounterVec
	failures *prometheus.CounterVec
	remains  prometheus.Gauge
	running  *prometheus.GaugeVec
	remote   *prometheus.GaugeVec
	served   *prometheus.GaugeVec

	passes   prometheus.Histogram
	last     prometheus.Gauge
	latency  prometheus.Histogram
	services prometheus.Counter

	draining prometheus.Gauge
	drained  *prometheus.CounterVec

	answers answers
	failing *failing
	slis    slis

	forgotten    prometheus.Counter
	forgettingIn prometheus.Histogram
}

func newMetrics(changes *watch.Changes) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		answers:  newAnswers(),
		failing:  newFailing(),
		slis:     newSLIs(),
		rows:     gauges("kubeipvs_rows", "Rows by kind and state: desired, observed, pending, and those that are due because the kernel refuses them.", "kind", "state"),
		calls:    counters("kubeipvs_kernel_rows_total", "Rows changed in the kernel, by kind, verb and result.", "kind", "verb", "result"),
		listings: counters("kubeipvs_kernel_listings_total", "Times that all rows of a kind were read back from the kernel.", "kind"),
		drift:    counters("kubeipvs_drift_total", "Rows and other objects found changed behind our back, by kind.", "kind"),
		failures: counters("kubeipvs_failures_total", "Failures that are not about single rows.", "operation"),
		remains: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeipvs_kube_proxy_leftovers", Help: "Things that kube-proxy left behind and that others hold, or that could not be looked at.",
		}),
		running: gauges("kubeipvs_kube_proxy_running", "1 while there is this sign of a kube-proxy at work on this node.", "evidence"),
		remote: gauges("kubeproxy_sync_proxy_rules_no_local_endpoints_total",
			"Services with policy Local that have endpoints on other nodes only.", "traffic_policy", "ip_family"),
		served: gauges("kubeipvs_family_served", "1 if this family of addresses is served, 0 where the kernel or the node lacks what that takes.", "ip_family"),
		passes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeproxy_sync_proxy_rules_duration_seconds", Help: "Duration of a pass.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_last_timestamp_seconds", Help: "When the last pass ended.",
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeproxy_network_programming_duration_seconds", Help: "From the change of an endpoint until the kernel has it.",
			Buckets: programmingBuckets(),
		}),
		services: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubeipvs_services_planned_total", Help: "Services planned because they or their endpoints had changed.",
		}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeipvs_draining_real_servers", Help: "Real servers that nobody wants and that stay for their connections.",
		}),
		drained: counters("kubeipvs_drained_real_servers_total", "Real servers that have ceased to drain, by how: timeout has cut connections.", "reason"),
		forgotten: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubeproxy_conntrack_reconciler_deleted_entries_total", Help: "Conntrack entries deleted because no endpoint answers their flow.",
		}),
		forgettingIn: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeproxy_conntrack_reconciler_sync_duration_seconds", Help: "Duration of a look at all conntrack entries.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}),
	}
	m.registry.MustRegister(m.rows, m.calls, m.listings, m.drift, m.failures, m.remote, m.served, m.remains, m.running, m.passes, m.last,
		m.latency, m.services, m.draining, m.drained, m.forgotten, m.forgettingIn, m.failing,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(append(m.answers.collectors(), changesOf(changes)...)...)
	return m
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// programmingBuckets are kube-proxy's, with finer ones below a quarter of a
// second, where ours are.
func programmingBuckets() []float64 {
	b := []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5}
	b = append(b, prometheus.LinearBuckets(1, 1, 59)...)
	b = append(b, prometheus.LinearBuckets(60, 5, 12)...)
	return append(b, prometheus.LinearBuckets(120, 30, 7)...)
}

// Metrics gathers all collectors of this Proxier.
func (p *Proxier) Metrics() prometheus.Gatherer { return p.metrics.registry }

func (m *metrics) table(of table, t reconcile.Tally) {
	kind := of.Name()
	wanted, held, due := of.Size()
	for state, n := range map[string]int{"desired": wanted, "observed": held, "pending": due, "refused": of.Refused()} {
		m.rows.WithLabelValues(kind, state).Set(float64(n))
	}
	m.drift.WithLabelValues(kind) // a count of none is seen too
	for verb, n := range map[reconcile.Verb]int{
		reconcile.Create: t.Created, reconcile.Update: t.Updated, reconcile.Delete: t.Deleted,
	} {
		m.calls.WithLabelValues(kind, verb.String(), "ok").Add(float64(n))
		m.calls.WithLabelValues(kind, verb.String(), "error").Add(float64(t.FailedTo[verb]))
	}
}

func (m *metrics) pass(r report) {
	m.passes.Observe(r.took.Seconds())
	m.last.Set(float64(time.Now().UnixNano()) / 1e9)
	m.services.Add(float64(r.planned))
	for kind, n := range r.drift {
		m.drift.WithLabelValues(kind).Add(float64(n))
	}
	for _, l := range r.latencies {
		m.latency.Observe(l.Seconds())
	}
	if r.drift != nil {
		m.answers.full.Observe(r.took.Seconds())
	} else {
		m.answers.partial.Observe(r.took.Seconds())
	}
}

// elsewhere tells how many Services have endpoints on other nodes only.
func (m *metrics) elsewhere(services map[plan.Traffic]int) {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		family := fmt.Sprintf("IPv%d", f)
		m.remote.WithLabelValues("internal", family).Set(float64(services[plan.Traffic{Internal: true, Family: f}]))
		m.remote.WithLabelValues("external", family).Set(float64(services[plan.Traffic{Family: f}]))
	}
}

func (m *metrics) families(served []ipset.Family) {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		value := 0.0
		if slices.Contains(served, f) {
			value = 1
		}
		m.served.WithLabelValues(fmt.Sprintf("IPv%d", f)).Set(value)
	}
}

func (m *metrics) flows(r forgotten) {
	m.forgotten.Add(float64(r.deleted))
	m.forgettingIn.Observe(r.took.Seconds())
}

func (m *metrics) drains(now int, ended map[drain.End]int) {
	m.draining.Set(float64(now))
	for how, n := range ended {
		m.drained.WithLabelValues(string(how)).Add(float64(n))
	}
}

func (m *metrics) kubeProxy(rules, healthPort bool) {
	for evidence, seen := range map[string]bool{"rules": rules, "health port": healthPort} {
		value := 0.0
		if seen {
			value = 1
		}
		m.running.WithLabelValues(evidence).Set(value)
	}
}
