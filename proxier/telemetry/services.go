package telemetry

import (
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
)

// serviceMetrics are about what Services ask for and cannot have.
type serviceMetrics struct {
	refused *prometheus.GaugeVec
	remote  *prometheus.GaugeVec
	served  *prometheus.GaugeVec
	noLocal map[plan.Traffic]int // Services with such traffic
}

func newServiceMetrics() serviceMetrics {
	return serviceMetrics{
		refused: gauges("kubeipvs_refused_fields", "Fields of objects that cannot be programmed and are left out, by field; reason says what a guarded address is: api-server, gateway, node, resolver, kubelet or daemon.", "field", "reason"),
		remote: gauges("kubeproxy_sync_proxy_rules_no_local_endpoints_total",
			"Services with policy Local that have endpoints on other nodes only.", "traffic_policy", "ip_family"),
		served:  gauges("kubeipvs_family_served", "1 if this family of addresses is served, 0 where the kernel or the node lacks what that takes.", "ip_family"),
		noLocal: map[plan.Traffic]int{},
	}
}

func (m serviceMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.refused, m.remote, m.served}
}

// NoLocal replaces the kinds of traffic of one Service that only endpoints on other
// nodes could answer.
func (t *Telemetry) NoLocal(before, now []plan.Traffic) {
	for _, kind := range before {
		t.services.noLocal[kind]--
	}
	for _, kind := range now {
		t.services.noLocal[kind]++
	}
}

// elsewhere tells how many Services have endpoints on other nodes only.
func (m serviceMetrics) elsewhere() {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		family := fmt.Sprintf("IPv%d", f)
		m.remote.WithLabelValues("internal", family).Set(float64(m.noLocal[plan.Traffic{Internal: true, Family: f}]))
		m.remote.WithLabelValues("external", family).Set(float64(m.noLocal[plan.Traffic{Family: f}]))
	}
}

func (m serviceMetrics) families(served []ipset.Family) {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		value := 0.0
		if slices.Contains(served, f) {
			value = 1
		}
		m.served.WithLabelValues(fmt.Sprintf("IPv%d", f)).Set(value)
	}
}

// refuse tells how many remarks there are on each field.
func (m serviceMetrics) refuse(fields map[refusedField]int) {
	for field, n := range fields {
		if n == 0 {
			m.refused.DeleteLabelValues(field.field, field.reason)
			delete(fields, field)
			continue
		}
		m.refused.WithLabelValues(field.field, field.reason).Set(float64(n))
	}
}

// leavingMetrics are about real servers that leave, and flows that no real server answers.
type leavingMetrics struct {
	draining     prometheus.Gauge
	drained      *prometheus.CounterVec
	forgotten    prometheus.Counter
	forgettingIn prometheus.Histogram
}

func newLeavingMetrics() leavingMetrics {
	return leavingMetrics{
		draining:     gauge("kubeipvs_draining_real_servers", "Real servers that no Service wants and that stay for their connections."),
		drained:      counters("kubeipvs_drained_real_servers_total", "Real servers that have ceased to drain, by how: timeout has cut connections.", "reason"),
		forgotten:    counter("kubeproxy_conntrack_reconciler_deleted_entries_total", "Conntrack entries deleted because no endpoint answers their flow."),
		forgettingIn: durations("kubeproxy_conntrack_reconciler_sync_duration_seconds", "Duration of a look at all conntrack entries."),
	}
}

func (m leavingMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.draining, m.drained, m.forgotten, m.forgettingIn}
}

// Draining tells how many real servers drain now, and how others have ceased to
// since it was last told.
func (t *Telemetry) Draining(now int, ended map[drain.End]int) {
	t.leaving.draining.Set(float64(now))
	for how, n := range ended {
		t.leaving.drained.WithLabelValues(string(how)).Add(float64(n))
	}
}

// FlowsForgotten tells of one look at the kernel's flows.
func (t *Telemetry) FlowsForgotten(deleted int, took time.Duration) {
	t.leaving.forgotten.Add(float64(deleted))
	t.leaving.forgettingIn.Observe(took.Seconds())
}
