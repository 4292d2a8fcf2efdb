package proxier

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/watch"
)

// answers count what the kubelet and load balancers were told, and passes those
// that read the kernel back and those that did not, as kube-proxy does.
type answers struct {
	probes        map[string]*prometheus.CounterVec // by path
	full, partial prometheus.Histogram
	queued        prometheus.Gauge
	members       *prometheus.GaugeVec
	fields        *prometheus.GaugeVec
	adopted       *prometheus.GaugeVec
	removed       prometheus.Counter
	takenOver     prometheus.Gauge
}

func newAnswers() answers {
	passes := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)})
	}
	return answers{
		probes: map[string]*prometheus.CounterVec{
			"/healthz": counters("kubeproxy_proxy_healthz_total", "Answers to /healthz, by HTTP code.", "code"),
			"/livez":   counters("kubeproxy_proxy_livez_total", "Answers to /livez, by HTTP code.", "code"),
		},
		full:    passes("kubeproxy_sync_full_proxy_rules_duration_seconds", "Duration of a pass after the kernel was read back."),
		partial: passes("kubeproxy_sync_partial_proxy_rules_duration_seconds", "Duration of a pass that works off changes alone."),
		queued: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", Help: "When a change last asked for a pass.",
		}),
		members: gauges("kubeipvs_set_members", "Members of an IP set, when it was last read back; the kernel sets no limit but memory.", "set"),
		fields:  gauges("kubeipvs_refused_fields", "Fields of objects that cannot be programmed and are left out, by field; reason says what a guarded address is: api-server, gateway, node, resolver, kubelet or daemon.", "field", "reason"),
		adopted: gauges("kubeipvs_adopted_rows", "Rows that were found at the start and kept as they were, by kind.", "kind"),
		removed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kubeipvs_takeover_removed_total", Help: "Chains and other things of another proxy that were removed by takeover.",
		}),
		takenOver: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kubeipvs_takeover_done", Help: "1 once all that another proxy left behind has been removed, but for what others hold.",
		}),
	}
}

func (a answers) collectors() []prometheus.Collector {
	for _, probe := range a.probes {
		probe.WithLabelValues("200")
		probe.WithLabelValues("503")
	}
	return []prometheus.Collector{
		a.probes["/healthz"], a.probes["/livez"], a.full, a.partial, a.queued, a.members, a.fields, a.adopted, a.removed, a.takenOver,
	}
}

// changesOf are kube-proxy's counts of what the API has told.
func changesOf(c *watch.Changes) (all []prometheus.Collector) {
	for name, of := range map[string]func(watch.Counts) watch.Count{
		"endpoint": func(c watch.Counts) watch.Count { return c.Endpoints },
		"service":  func(c watch.Counts) watch.Count { return c.Services },
	} {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "kubeproxy_sync_proxy_rules_" + name + "_changes_total", Help: "Changes of the kind " + name + " so far.",
		}, func() float64 { return float64(of(c.Counts()).Total) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kubeproxy_sync_proxy_rules_" + name + "_changes_pending", Help: "Changes of the kind " + name + " that wait for the next pass.",
		}, func() float64 { return float64(of(c.Counts()).Pending) }))
	}
	return all
}

// Answered counts an answer of the health server.
func (p *Proxier) Answered(path string, code int) {
	p.metrics.slis.note(path, code)
	if probe := p.metrics.answers.probes[path]; probe != nil {
		probe.WithLabelValues(text(code)).Inc()
	}
}

func text(code int) string {
	if code < 300 {
		return "200"
	}
	return "503"
}

// refuse tells how many remarks there are on each field.
func (a answers) refuse(fields map[refusedField]int) {
	for field, n := range fields {
		if n == 0 {
			a.fields.DeleteLabelValues(field.field, field.reason)
			delete(fields, field)
			continue
		}
		a.fields.WithLabelValues(field.field, field.reason).Set(float64(n))
	}
}

// fill counts the members of each set.
func (a answers) fill(members *reconcile.Table[owner, state.Member, state.None]) {
	a.members.Reset()
	type set struct {
		of     state.Set
		family ipset.Family
	}
	count := map[set]int{}
	members.Each(func(m state.Member, _ state.None) { count[set{m.Set, m.Entry.Family()}]++ })
	for s, n := range count {
		a.members.WithLabelValues(s.of.Name(s.family)).Set(float64(n))
	}
}

// adopt notes how much of what was found could stay as it was: once, after the
// first pass.
func (a answers) adopt(found map[string]int, r report) {
	for table, n := range found {
		a.adopted.WithLabelValues(table).Set(float64(max(n-r.tallies[table].Deleted-r.tallies[table].Updated, 0)))
	}
}
