package proxier

import (
	"context"
	"maps"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// What the kernel tells of comes in crowds. It is gathered for a moment, and
// however much comes, there is about one look a second.
const (
	gathering    = 200 * time.Millisecond
	betweenLooks = 800 * time.Millisecond
)

// touches are what the kernel has told of and nobody has looked at yet.
type touches struct {
	constant  bool // the device or the rules
	addresses bool
	node      bool      // addresses of other interfaces
	next      time.Time // not again before
}

func (t touches) any() bool { return t.constant || t.addresses || t.node }

// noteTouched sorts out what is news, and sets the timer for a look at it.
// Addresses that are as they are believed to be were changed by this daemon.
func (p *Proxier) noteTouched(t state.Changed, timer *time.Timer) {
	already := p.changed.any()
	p.changed.node = p.changed.node || t.NodeAddresses
	p.changed.constant = p.changed.constant || t.Device || t.Rules
	p.changed.addresses = p.changed.addresses || t.Device
	for a, there := range t.Addresses {
		if p.tables.addresses.Holds(a) != there {
			p.changed.addresses = true
		}
	}
	if now := time.Now(); !already && p.changed.any() {
		timer.Reset(max(gathering, p.changed.next.Sub(now)))
	}
}

// lookWhereTouched reads back what the kernel has told of. That an address of the
// node has come or gone is no reason to plan: others may bear the same.
func (p *Proxier) lookWhereTouched(ctx context.Context) (drift map[string]int) {
	t := p.changed
	p.changed = touches{next: time.Now().Add(betweenLooks)}
	drift = map[string]int{}
	if t.constant {
		p.prepare(ctx)
	}
	if t.addresses {
		maps.Copy(drift, p.read(p.observe(ctx, []table{p.tables.addresses})))
	}
	if t.node && p.nodeMoved(ctx) {
		p.again = true
	}
	return drift
}
