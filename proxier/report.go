package proxier

import (
	"errors"
	"maps"
	"slices"
	"time"

	"k8s.io/klog/v2"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// report is what there is to tell about one pass.
type report struct {
	planned   int // Services
	took      time.Duration
	tallies   map[string]reconcile.Tally // by table
	drift     map[string]int             // by kind; what had changed behind our back
	latencies []time.Duration            // from cause to kernel
}

func newReport() report { return report{tallies: map[string]reconcile.Tally{}} }

func (r report) add(table string, t reconcile.Tally) {
	r.tallies[table] = r.tallies[table].Add(t)
}

// report logs a pass and counts it. It is the only place that does.
func (p *Proxier) report(r report) {
	for _, t := range p.tables.inOrder() {
		tally := r.tallies[t.Name()]
		p.metrics.table(t, tally)
		if tally.Failed > 0 {
			_, _, due := t.Size()
			klog.ErrorS(tally.First, "Rows are not as wanted; they will be tried again", "kind", t.Name(), "failed", tally.Failed, "due", due)
		}
		if tally.Calls() > 0 {
			klog.V(2).InfoS("Changed the kernel", "kind", t.Name(),
				"created", tally.Created, "updated", tally.Updated, "deleted", tally.Deleted, "failed", tally.Failed)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(r.drift)) {
		klog.InfoS("The kernel was not as we left it", "kind", kind, "objects", r.drift[kind])
	}
	p.warnOfRows()
	p.metrics.pass(r)
	p.metrics.answers.refuse(p.services.refused)
	p.metrics.elsewhere(p.services.noLocal)
	if p.lastReport.found != nil {
		p.metrics.answers.adopt(p.lastReport.found, r)
		p.lastReport.found = nil
	}
	p.lastReport.note(r, time.Now())
	klog.V(4).InfoS("Pass", "services", r.planned, "took", r.took)
	p.metrics.failing.note(p.tables.inKernel(), time.Now())
	p.health.Failing(p.metrics.failing.oldest())
	if !p.tables.broken() {
		p.health.Synced(time.Now())
	}
}

// unheld is a Service of which something could not be had, and the word under
// which its Event files that.
type unheld struct {
	owner
	reason string
}

// warnOfRows tells those who look at a Service what of it could not be had: in
// kube-proxy's words that its health port is not open, and a row that the kernel
// refuses while it takes others. It is told again when it has changed.
func (p *Proxier) warnOfRows() {
	before := p.unheld
	p.unheld = map[unheld]string{}
	warn := func(t table, w Warning, about func(error) bool) {
		t.EachFailed(func(_ any, owners []owner, err error) {
			for _, svc := range owners {
				u := unheld{svc, w.Reason}
				if _, already := p.unheld[u]; already || !about(err) {
					continue
				}
				p.unheld[u] = err.Error()
				if before[u] != err.Error() {
					p.warn(svc, Warning{Reason: w.Reason, Action: w.Action, Note: note([]string{err.Error()})})
				}
			}
		})
	}
	warn(p.tables.healthPorts, Warning{Reason: "FailedToStartServiceHealthcheck", Action: "Listen"}, func(error) bool { return true })
	for _, t := range p.tables.inKernel() {
		if !t.Broken() {
			warn(t, Warning{Reason: "RefusedByKernel", Action: "Program"}, func(err error) bool { return errors.Is(err, reconcile.ErrRefused) })
		}
	}
}
