package proxier

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/klog/v2"
)

// failing are the rows without which there is no traffic and that could not be
// had when last tried, with the time of the first try; and the kinds of which no
// row can be had or read. The loop writes it, and whoever asks for metrics reads it.
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
func (f *failing) note(tables []table, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.since
	f.since = map[failingRow]time.Time{}
	for _, t := range tables {
		begun(f.broken, t.Name(), t.Broken(), now)
		t.EachFailed(func(row any, _ []owner, _ error) {
			r := failingRow{t.Name(), row}
			since, already := before[r]
			if !already {
				since = now
			}
			f.since[r] = since
		})
	}
}

// noteRead keeps whether rows of a kind could be read back.
func (f *failing) noteRead(kind string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	begun(f.unread, kind, err != nil, now)
}

// begun keeps since when something has been so.
func begun(since map[string]time.Time, what string, so bool, now time.Time) {
	if _, already := since[what]; !so {
		delete(since, what)
	} else if !already {
		since[what] = now
	}
}

// oldest is what has been tried in vain for longest, single rows apart; the zero
// time if nothing has.
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

// fail logs and counts what is not about rows; the same again only now and then.
func (p *Proxier) fail(action string, err error) {
	p.metrics.failures.WithLabelValues(action).Inc()
	last := p.complaints[action]
	if last.text == err.Error() && time.Since(last.at) < saidAgainAfter {
		return
	}
	p.complaints[action] = complaint{err.Error(), time.Now()}
	klog.ErrorS(err, "Could not "+action+"; it will be tried again")
}

// untilDone tries until it succeeds; false when ctx ends before.
func (p *Proxier) untilDone(ctx context.Context, action string, do func(context.Context) error) (done bool) {
	begin := time.Now()
	p.beginning.waits("this machine (" + action + ")")
	for retries := (backoff{}); ; {
		p.health.Working(time.Now())
		err := do(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			p.health.Failing(time.Time{}, "")
			return true
		}
		p.fail(action, err)
		p.beginning.failed(err)
		p.health.Failing(begin, action)
		p.health.Resting() // what fails is no call that hangs
		select {
		case <-ctx.Done():
		case <-time.After(retries.next()):
		}
	}
}
