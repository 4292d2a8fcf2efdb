package telemetry

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// Pass is what there is to tell about one.
type Pass struct {
	Planned   int // Services
	Took      time.Duration
	Tallies   map[string]reconcile.Tally // by table
	Drift     map[string]int             // by kind; what had changed behind our back. Nil: nothing was read back
	Latencies []time.Duration            // from cause to kernel
}

// NewPass returns a Pass that has done nothing.
func NewPass() Pass { return Pass{Tallies: map[string]reconcile.Tally{}} }

// Add adds what has been done with a table.
func (p Pass) Add(table string, t reconcile.Tally) { p.Tallies[table] = p.Tallies[table].Add(t) }

// LastReport is what the last reports said, for those who ask.
type LastReport struct {
	Pass     snapshot.Pass
	Drift    map[string]int    // by table, since the start
	Failures map[string]string // by table, of the last pass
	found    map[string]int    // by table, at the start, until the first pass
}

// Last is what was last told. It is read between two passes.
func (t *Telemetry) Last() LastReport { return t.last }

// Found notes how many rows of each table there were at the start.
func (t *Telemetry) Found(rows map[string]int) { t.last.found = rows }

func (l *LastReport) note(p Pass, now time.Time) {
	l.Pass = snapshot.Pass{Ended: now, Took: p.Took, Services: p.Planned}
	l.Failures = map[string]string{}
	for table, tally := range p.Tallies {
		if tally.First != nil {
			l.Failures[table] = tally.First.Error()
		}
	}
	for table, n := range p.Drift {
		l.Drift[table] += n
	}
}

// Pass logs a pass and counts it. It is the only place that does. Without the
// tables of traffic none flows; without the others it does.
func (t *Telemetry) Pass(p Pass, traffic, others []Table) {
	for _, table := range slices.Concat(traffic, others) {
		tally := p.Tallies[table.Name()]
		t.rows.table(table, tally)
		if tally.Failed > 0 {
			_, _, due := table.Size()
			klog.ErrorS(tally.First, "Rows are not as wanted; they will be tried again", "kind", table.Name(), "failed", tally.Failed, "due", due)
		}
		if tally.Calls() > 0 {
			klog.V(2).InfoS("Changed the kernel", "kind", table.Name(),
				"created", tally.Created, "updated", tally.Updated, "deleted", tally.Deleted, "failed", tally.Failed)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Drift)) {
		t.rows.drift.WithLabelValues(kind).Add(float64(p.Drift[kind]))
		klog.InfoS("The kernel was not as we left it", "kind", kind, "objects", p.Drift[kind])
	}
	t.warnings.ofRows(traffic, others)
	t.passes.pass(p)
	t.services.refuse(t.remarks.fields)
	t.services.elsewhere()
	t.rows.adopt(t.last.found, p)
	t.last.found = nil
	t.last.note(p, time.Now())
	klog.V(4).InfoS("Pass", "services", p.Planned, "took", p.Took)
	t.failing.note(traffic, time.Now())
}

// passMetrics count passes and tell how long they and what causes them take.
type passMetrics struct {
	all, full, partial prometheus.Histogram
	latency            prometheus.Histogram
	last, queued       prometheus.Gauge
	services           prometheus.Counter
}

func newPassMetrics() passMetrics {
	return passMetrics{
		all:     durations("kubeproxy_sync_proxy_rules_duration_seconds", "Duration of a pass."),
		full:    durations("kubeproxy_sync_full_proxy_rules_duration_seconds", "Duration of a pass after the kernel was read back."),
		partial: durations("kubeproxy_sync_partial_proxy_rules_duration_seconds", "Duration of a pass that works off changes alone."),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kubeproxy_network_programming_duration_seconds", Help: "From the change of an endpoint until the kernel has it.",
			Buckets: programmingBuckets(),
		}),
		last:     gauge("kubeproxy_sync_proxy_rules_last_timestamp_seconds", "When the last pass ended."),
		queued:   gauge("kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "When a change last asked for a pass."),
		services: counter("kubeipvs_services_planned_total", "Services planned because they or their endpoints had changed."),
	}
}

func (m passMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.all, m.full, m.partial, m.latency, m.last, m.queued, m.services}
}

// programmingBuckets are kube-proxy's, with finer ones below a quarter of a
// second, where ours are.
func programmingBuckets() []float64 {
	b := []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5}
	b = append(b, prometheus.LinearBuckets(1, 1, 59)...)
	b = append(b, prometheus.LinearBuckets(60, 5, 12)...)
	return append(b, prometheus.LinearBuckets(120, 30, 7)...)
}

func (m passMetrics) pass(p Pass) {
	m.all.Observe(p.Took.Seconds())
	m.last.Set(float64(time.Now().UnixNano()) / 1e9)
	m.services.Add(float64(p.Planned))
	for _, l := range p.Latencies {
		m.latency.Observe(l.Seconds())
	}
	if p.Drift != nil {
		m.full.Observe(p.Took.Seconds())
	} else {
		m.partial.Observe(p.Took.Seconds())
	}
}

// Queued notes that a change asks for a pass.
func (t *Telemetry) Queued() { t.passes.queued.SetToCurrentTime() }
