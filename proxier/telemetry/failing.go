package telemetry

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// failing are the rows without which there is no traffic and that could not be
// had when last tried, with the time of the first try; and the kinds of which no
// row can be had or read. The loop writes it, and a request for metrics reads it.
type failing struct {
	mu     sync.Mutex
	since  map[failingRow]time.Time
	broken map[string]time.Time // by kind
	unread map[string]time.Time // by kind
}

type failingRow struct {
	kind string
	row  any
}

// namedRows bounds how many rows metrics name: the oldest.
const namedRows = 10

func newFailing() *failing {
	return &failing{broken: map[string]time.Time{}, unread: map[string]time.Time{}}
}

// note replaces what is known of rows.
func (f *failing) note(tables []Table, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.since
	f.since = map[failingRow]time.Time{}
	for _, t := range tables {
		begun(f.broken, t.Name(), t.Broken(), now)
		t.EachFailed(func(row any, _ []types.NamespacedName, _ error) {
			r := failingRow{t.Name(), row}
			since, already := before[r]
			if !already {
				since = now
			}
			f.since[r] = since
		})
	}
}

// begun keeps since when something has been so.
func begun(since map[string]time.Time, what string, so bool, now time.Time) {
	if _, already := since[what]; !so {
		delete(since, what)
	} else if !already {
		since[what] = now
	}
}

// ReadBack keeps whether rows of a kind could be read back: without an answer
// nothing is known of traffic.
func (t *Telemetry) ReadBack(kind string, err error) {
	t.failing.mu.Lock()
	defer t.failing.mu.Unlock()
	begun(t.failing.unread, kind, err != nil, time.Now())
}

// Oldest is what has been tried in vain for longest, single rows apart; the zero
// time if nothing has.
func (t *Telemetry) Oldest() (since time.Time, action string) { return t.failing.oldest() }

func (f *failing) oldest() (since time.Time, action string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for verb, kinds := range map[string]map[string]time.Time{"change": f.broken, "read": f.unread} {
		for kind, at := range kinds {
			if since.IsZero() || at.Before(since) {
				since, action = at, verb+" any "+kind
			}
		}
	}
	return since, action
}

var (
	failingRowSeconds = prometheus.NewDesc("kubeipvs_failing_row_seconds",
		"How long a row could not be had, of the ten that have waited longest, by kind and row.", []string{"kind", "row"}, nil)
	oldestRowSeconds = prometheus.NewDesc("kubeipvs_oldest_failing_row_seconds",
		"How long the row that has waited longest could not be had; 0 if there is none.", nil, nil)
)

// Describe is prometheus.Collector's.
func (f *failing) Describe(c chan<- *prometheus.Desc) {
	c <- failingRowSeconds
	c <- oldestRowSeconds
}

// Collect is prometheus.Collector's.
func (f *failing) Collect(c chan<- prometheus.Metric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	type aged struct {
		failingRow
		since time.Time
	}
	var all []aged
	for r, since := range f.since {
		all = append(all, aged{r, since})
	}
	slices.SortFunc(all, func(a, b aged) int { return a.since.Compare(b.since) })
	oldest := 0.0
	for i, r := range all {
		age := time.Since(r.since).Seconds()
		oldest = max(oldest, age)
		if i < namedRows {
			c <- prometheus.MustNewConstMetric(failingRowSeconds, prometheus.GaugeValue, age, r.kind, fmt.Sprint(r.row))
		}
	}
	c <- prometheus.MustNewConstMetric(oldestRowSeconds, prometheus.GaugeValue, oldest)
}

// saidAgainAfter is when an unchanged complaint is logged once more.
const saidAgainAfter = 10 * time.Minute

// complaint is what was last logged of an action.
type complaint struct {
	text string
	at   time.Time
}

// complaints are failures that are not about rows.
type complaints struct {
	failures *prometheus.CounterVec
	last     map[string]complaint // by action
}

func newComplaints() complaints {
	return complaints{
		counters("kubeipvs_failures_total", "Failures that are not about single rows.", "operation"), map[string]complaint{},
	}
}

// Fail logs and counts what is not about rows; the same again only now and then.
func (t *Telemetry) Fail(action string, err error) {
	t.complaints.failures.WithLabelValues(action).Inc()
	last := t.complaints.last[action]
	if last.text == err.Error() && time.Since(last.at) < saidAgainAfter {
		return
	}
	t.complaints.last[action] = complaint{err.Error(), time.Now()}
	klog.ErrorS(err, "Could not "+action+"; it will be tried again")
}
