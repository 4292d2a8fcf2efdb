package proxier

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// look asks the loop for something that only it may read. It is called between
// two passes.
type look func()

// between has the loop do something between two passes; errNotBegun if there has
// been none.
func (p *Proxier) between(ctx context.Context, action look) error {
	if p.beginning.look() != nil {
		return errNotBegun
	}
	done := make(chan struct{})
	select {
	case p.inLoop <- func() { action(); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return errors.New("the daemon works and does not come to an end")
	}
}

// Snapshot says how things stand. It may be called from any goroutine; what
// belongs to the loop, the loop is asked for, a few Services at a time, so that
// a change never waits for somebody who looks at ten thousand. Before the first
// pass it says what is waited for.
func (p *Proxier) Snapshot(ctx context.Context, q snapshot.Question) (d snapshot.Daemon, err error) {
	if waiting := p.beginning.look(); waiting != nil {
		d = p.self()
		d.Waiting = waiting
		return d, nil
	}
	var names []owner
	err = p.between(ctx, func() {
		d = p.outline()
		if q.Services == snapshot.All {
			names = p.services.named()
			d.Common = state.NewRows()
			for _, nobody := range []owner{ranges, nodePods, draining} {
				d.Common.Add(p.tables.claimed(nobody))
			}
		}
	})
	if one, isOne := named(q.Services); isOne {
		names = []owner{one}
	}
	const few = 100
	for some := range slices.Chunk(names, few) {
		if err != nil {
			break
		}
		var views []view
		err = p.between(ctx, func() {
			for _, svc := range some {
				views = append(views, p.view(svc))
			}
		})
		for _, v := range views {
			if s, there := v.shown(); there {
				d.Services = append(d.Services, s)
			}
		}
	}
	return d, err
}

// named reads "shop/cart".
func named(text string) (n owner, ok bool) {
	namespace, name, ok := strings.Cut(text, "/")
	return owner{Namespace: namespace, Name: name}, ok
}

// self is what can be said whether the loop works or not.
func (p *Proxier) self() snapshot.Daemon {
	now := time.Now()
	health := p.health.Report(now)
	d := snapshot.Daemon{
		Node: p.cfg.NodeName, Scheduler: p.cfg.Scheduler, Started: p.started, Taken: now,
		Health: snapshot.Health{
			Ready: p.health.Ready(), Healthy: health.Healthy, Reason: health.Reason, Eligible: *health.NodeEligible, Synced: health.LastUpdated,
		},
	}
	for _, f := range p.kernel.Families() {
		d.Families = append(d.Families, families[f])
	}
	if why := p.kernel.Unserved(); why != nil {
		d.Unserved = why.Error()
	}
	return d
}

// outline is everything but the Services.
func (p *Proxier) outline() snapshot.Daemon {
	d := p.self()
	d.Pass, d.Takeover = p.lastReport.pass, p.takenOver()
	d.LeftOut, d.Known = texts(p.services.ofNode.remarks), len(p.services.named())
	for _, r := range p.ranges {
		d.Ranges = append(d.Ranges, r.String())
	}
	for _, t := range p.tables.inOrder() {
		row := snapshot.Table{Kind: t.Name(), Drift: p.lastReport.drift[t.Name()], Failure: p.lastReport.failures[t.Name()]}
		row.Desired, row.Observed, row.Pending = t.Size()
		d.Tables = append(d.Tables, row)
	}
	d.Remarks = slices.Clone(d.LeftOut)
	for _, s := range p.services.all {
		d.Remarks = append(d.Remarks, texts(s.remarks)...)
	}
	slices.Sort(d.Remarks)
	return d
}

func (p *Proxier) takenOver() snapshot.Takeover {
	t := snapshot.Takeover{Enabled: p.cfg.Takeover, Done: p.takeover.done, Removed: p.lastReport.removed, KubeProxy: p.kubeProxy.told}
	for _, stay := range p.takeover.stays {
		t.Blocked = append(t.Blocked, stay.String())
	}
	return t
}

func texts(remarks []cluster.Remark) (all []string) {
	for _, r := range remarks {
		all = append(all, r.String())
	}
	return all
}

// view is what the loop gives away about one Service. Objects of the API and
// what is reached from here are never written to.
type view struct {
	service service
	object  *v1.Service
	slices  []*discovery.EndpointSlice
	node    cluster.Node
	rows    state.Rows
}

func (p *Proxier) view(svc owner) view {
	v := view{service: service{name: svc}, node: p.node, rows: p.tables.claimed(svc)}
	if s := p.services.all[svc]; s != nil {
		v.service = *s
	}
	v.object, v.slices = p.api.Service(svc)
	return v
}

// shown says of each way to reach the Service what is wanted of it.
func (v view) shown() (s snapshot.Service, there bool) {
	s = snapshot.Service{Name: v.service.name.String(), Rows: v.rows, Remarks: texts(v.service.remarks)}
	ports, _ := cluster.Ports(v.object, v.slices, v.node)
	pods := podsOf(v.slices)
	for _, f := range v.service.frontends {
		s.Frontends = append(s.Frontends, v.frontend(f, behind(ports, f), pods))
	}
	return s, v.object != nil || !s.Rows.IsZero()
}

// told is what the last reports said, for those who ask.
type told struct {
	pass     snapshot.Pass
	drift    map[string]int    // by table, since the start
	failures map[string]string // by table, of the last pass
	removed  int               // by takeover
	found    map[string]int    // by table, at the start, until the first pass
}

// note keeps what r says.
func (t *told) note(r report, now time.Time) {
	t.pass = snapshot.Pass{Ended: now, Took: r.took, Services: r.planned}
	t.failures = map[string]string{}
	for table, tally := range r.tallies {
		if tally.First != nil {
			t.failures[table] = tally.First.Error()
		}
	}
	if t.drift == nil {
		t.drift = map[string]int{}
	}
	for table, n := range r.drift {
		t.drift[table] += n
	}
}
