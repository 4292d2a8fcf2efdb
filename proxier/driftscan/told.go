package driftscan

import (
	"net/netip"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// What the kernel tells of comes in crowds. It is gathered for a moment, and
// however much comes, there is about one reading a second.
const (
	gathering = 200 * time.Millisecond
	between   = 800 * time.Millisecond
)

// Told is what the kernel has told of and what has not been read yet.
type Told struct {
	Constant  bool // the device or the rules
	Addresses bool // on our device
	Node      bool // addresses of other interfaces

	next time.Time // not to be read before
}

func (t *Told) any() bool { return t.Constant || t.Addresses || t.Node }

// Note sorts out what is news. Addresses that are as held tells were changed by this
// daemon. Where first is true, what has been told of is to be read after wait.
func (t *Told) Note(of state.Changed, held func(netip.Addr) bool, now time.Time) (wait time.Duration, first bool) {
	already := t.any()
	t.Node = t.Node || of.NodeAddresses
	t.Constant = t.Constant || of.Device || of.Rules
	t.Addresses = t.Addresses || of.Device
	for a, there := range of.Addresses {
		if held(a) != there {
			t.Addresses = true
		}
	}
	return max(gathering, t.next.Sub(now)), !already && t.any()
}

// Take is all of it, which is to be read now.
func (t *Told) Take(now time.Time) Told {
	all := *t
	*t = Told{next: now.Add(between)}
	return all
}
