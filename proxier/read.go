package proxier

import (
	"context"
	"maps"

	"github.com/kube-ipvs/kube-ipvs/proxier/background"
	"github.com/kube-ipvs/kube-ipvs/proxier/driftscan"
)

// reader reads back what the kernel holds, at the pace of a driftscan.
type reader struct{ p *Proxier }

// Steps read everything but the real servers.
func (r reader) Steps() []driftscan.Step {
	steps := []driftscan.Step{r.p.prepare, r.p.setSysctls}
	for _, t := range r.p.tables.inOrder() {
		if t != r.p.tables.realServers {
			steps = append(steps, func(ctx context.Context) (map[string]int, bool) { return r.p.readTable(ctx, t), false })
		}
	}
	return append(steps, r.p.askAgainForSchedulers, func(ctx context.Context) (map[string]int, bool) {
		r.p.takeover.Check(ctx)
		return nil, false
	}, func(ctx context.Context) (map[string]int, bool) {
		r.p.readNodeAgain(ctx)
		return nil, true // what comes of it is for a pass, of which there is one in each period
	})
}

func (r reader) Services() []owner { return r.p.services.named() }

func (r reader) Count() int { return len(r.p.services.all) }

// Batch reads the real servers of some Services.
func (r reader) Batch(ctx context.Context, some []owner) map[string]int {
	drift, err := r.p.tables.look(ctx, some)
	r.p.noteRead(r.p.tables.realServers.Name(), err)
	return r.p.found(drift, err)
}

// prepare has what never varies made sure of.
func (p *Proxier) prepare(ctx context.Context) (drift map[string]int, pass bool) {
	p.queue.Send(ctx, background.Work{Action: "prepare the kernel", Do: func(ctx context.Context) background.Then {
		mended, err := p.with.Kernel.Prepare(ctx)
		return func(ctx context.Context) (drift map[string]int, pass bool) {
			if err != nil && ctx.Err() == nil {
				p.telemetry.Fail("prepare the kernel", err)
			}
			return mended, len(mended) > 0
		}
	}})
	return nil, false
}

// setSysctls may be what a container is not allowed to: that is told, and is no
// reason to leave anything else undone.
func (p *Proxier) setSysctls(ctx context.Context) (drift map[string]int, pass bool) {
	set, err := p.with.Kernel.Sysctls(ctx)
	if err != nil {
		p.telemetry.Fail("set sysctls", err)
	}
	if set > 0 {
		drift = map[string]int{"sysctl": set}
	}
	return drift, false
}

// askAgainForSchedulers has all planned again where one has come.
func (p *Proxier) askAgainForSchedulers(ctx context.Context) (drift map[string]int, pass bool) {
	changed := p.services.schedulers.AskAgain(ctx, p.services.schedulersNamed())
	p.planning.cfg.Lacking = p.services.schedulers.Lacking()
	p.planning.again = p.planning.again || changed
	return nil, p.planning.again
}

func (p *Proxier) readTable(ctx context.Context, t table) (drift map[string]int) {
	drift, err := p.observe(ctx, []table{t})
	if drift = p.found(drift, err); len(drift) > 0 {
		p.scan.Urgent()
	}
	return drift
}

// found is the outcome of one reading: the rows that had changed behind our back.
func (p *Proxier) found(drift map[string]int, err error) map[string]int {
	if err != nil {
		p.telemetry.Fail("read the kernel", err)
	}
	maps.DeleteFunc(drift, func(_ string, rows int) bool { return rows == 0 })
	return drift
}

// readToldOf reads back what the kernel has told of. That an address of the
// node has come or gone is no reason to plan: others may bear the same.
func (p *Proxier) readToldOf(ctx context.Context, t driftscan.Told) (drift map[string]int, pass bool) {
	drift = map[string]int{}
	if t.Constant {
		p.prepare(ctx)
	}
	if t.Addresses {
		drift = p.readTable(ctx, p.tables.addresses)
	}
	if t.Node {
		p.readNodeAgain(ctx)
	}
	return drift, len(drift) > 0 || p.planning.again || p.node.stale
}
