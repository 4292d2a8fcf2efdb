package proxier

import (
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

// err is the first failure of these tables.
func (r report) err(of []table) error {
	for _, t := range of {
		if first := r.tallies[t.Name()].First; first != nil {
			return first
		}
	}
	return nil
}

// report logs a pass and counts it. It is the only place that does.
func (p *Proxier) report(r report) {
	for _, t := range p.tables.inOrder() {
		tally := r.tallies[t.Name()]
		wanted, held, due := t.Size()
		p.metrics.table(t.Name(), tally, wanted, held, due)
		if tally.Failed > 0 {
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
	p.warnOfPorts()
	p.metrics.pass(r)
	p.metrics.answers.refuse(p.remarks.fields)
	p.metrics.elsewhere(p.remote.services)
	if p.told.found != nil {
		p.metrics.answers.adopt(p.told.found, r)
		p.told.found = nil
	}
	p.told.note(r, time.Now())
	klog.V(4).InfoS("Pass", "services", r.planned, "took", r.took)
	oldest, kind := p.metrics.failing.note(p.tables.inKernel(), time.Now())
	p.health.Failing(oldest, kind)
	if r.err(p.tables.inKernel()) == nil {
		p.health.Synced(time.Now())
	}
}

// warnOfPorts tells those who look at a Service, in kube-proxy's words, that its
// health port could not be opened. It is told once, until the port is open.
func (p *Proxier) warnOfPorts() {
	before := p.unopened
	p.unopened = p.tables.healthPorts.Failed()
	for svc, err := range p.unopened {
		if _, told := before[svc]; told {
			continue
		}
		p.warn(svc, Warning{Reason: "FailedToStartServiceHealthcheck", Action: "Listen", Note: err.Error()})
	}
}
