package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Table is what is told of the rows of one kind.
type Table interface {
	Name() string
	Size() (wanted, held, due int)
	Refused() int
	Broken() bool
	EachFailed(func(row any, owners []types.NamespacedName, err error))
}

// rowMetrics count rows, and what is done about them.
type rowMetrics struct {
	rows     *prometheus.GaugeVec
	members  *prometheus.GaugeVec
	adopted  *prometheus.GaugeVec
	calls    *prometheus.CounterVec
	listings *prometheus.CounterVec
	drift    *prometheus.CounterVec
}

func newRowMetrics() rowMetrics {
	return rowMetrics{
		rows:     gauges("kubeipvs_rows", "Rows by kind and state: desired, observed, pending, and those that are due because the kernel refuses them.", "kind", "state"),
		members:  gauges("kubeipvs_set_members", "Members of an IP set, when it was last read back; the kernel sets no limit but memory.", "set"),
		adopted:  gauges("kubeipvs_adopted_rows", "Rows that were found at the start and kept as they were, by kind.", "kind"),
		calls:    counters("kubeipvs_kernel_rows_total", "Rows changed in the kernel, by kind, verb and result.", "kind", "verb", "result"),
		listings: counters("kubeipvs_kernel_listings_total", "Times that all rows of a kind were read back from the kernel.", "kind"),
		drift:    counters("kubeipvs_drift_total", "Rows and other objects found changed behind our back, by kind.", "kind"),
	}
}

func (m rowMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.rows, m.members, m.adopted, m.calls, m.listings, m.drift}
}

func (m rowMetrics) table(of Table, t reconcile.Tally) {
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

// adopt notes how much of what was found could stay as it was: once, after the
// first pass.
func (m rowMetrics) adopt(found map[string]int, p Pass) {
	for table, n := range found {
		m.adopted.WithLabelValues(table).Set(float64(max(n-p.Tallies[table].Deleted-p.Tallies[table].Updated, 0)))
	}
}

// Listed counts a listing of all rows of a kind.
func (t *Telemetry) Listed(kind string) { t.rows.listings.WithLabelValues(kind).Inc() }

// Members counts the members of each set; each shows one after the other.
func (t *Telemetry) Members(each func(show func(state.Member, state.None))) {
	t.rows.members.Reset()
	type set struct {
		of     state.Set
		family ipset.Family
	}
	count := map[set]int{}
	each(func(m state.Member, _ state.None) { count[set{m.Set, m.Entry.Family()}]++ })
	for s, n := range count {
		t.rows.members.WithLabelValues(s.of.Name(s.family)).Set(float64(n))
	}
}
