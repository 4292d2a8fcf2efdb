package flows

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Kernel forgets flows of these virtual servers: those that were never translated, and
// those of UDP that none of the addresses answers. It is asked beside the loop.
type Kernel interface {
	ForgetFlows(context.Context, map[state.VirtualServer][]netip.AddrPort) (deleted int, err error)
}

// Servers are virtual servers of one Service, also those that it had before.
type Servers map[state.VirtualServer]struct{}

// Stale remembers whose flows have to be looked at: of new servers, which clients may
// have asked before they were there; and of UDP servers whose real servers have
// changed. A TCP connection whose real server has gone is reset, a UDP flow that
// is not answered lives as long as its client sends.
type Stale struct {
	kernel  Kernel
	pending map[types.NamespacedName]Servers // those that have changed since they were looked at
	looking bool
	done    chan Look
}

// Look is the outcome of one look at the kernel's flows.
type Look struct {
	asked   map[types.NamespacedName]Servers
	Deleted int
	Took    time.Duration
	Err     error
}

// New returns Stale of which nothing is pending.
func New(kernel Kernel) *Stale {
	return &Stale{kernel: kernel, pending: map[types.NamespacedName]Servers{}, done: make(chan Look, 1)}
}

// Mark notes virtual servers of a Service, or such as it had.
func (f *Stale) Mark(svc types.NamespacedName, changed []state.VirtualServer) {
	if len(changed) > 0 && f.pending[svc] == nil {
		f.pending[svc] = make(Servers, len(changed))
	}
	for _, vs := range changed {
		f.pending[svc][vs] = struct{}{}
	}
}

// Begin has the flows of settled Services looked at. One look at a time; what comes
// meanwhile waits for the next. Answering tells who answers each of these servers by
// now, with an entry for each.
func (f *Stale) Begin(ctx context.Context, settled func(types.NamespacedName) bool,
	answering func(map[types.NamespacedName]Servers) map[state.VirtualServer][]netip.AddrPort,
) {
	if f.looking {
		return
	}
	asked := map[types.NamespacedName]Servers{}
	for svc, servers := range f.pending {
		if settled(svc) {
			asked[svc] = servers
			delete(f.pending, svc)
		}
	}
	if len(f.pending) == 0 {
		f.pending = map[types.NamespacedName]Servers{} // it may have room for all of the cluster
	}
	if len(asked) == 0 {
		return
	}
	all := answering(asked)
	f.looking = true
	go func() {
		begin := time.Now()
		deleted, err := f.kernel.ForgetFlows(ctx, all)
		f.done <- Look{asked, deleted, time.Since(begin), err}
	}()
}

// Done has looks that are over; the loop gives them to End.
func (f *Stale) Done() <-chan Look { return f.done }

// End ends a look. Servers of one that has failed are pending again.
func (f *Stale) End(l Look) {
	f.looking = false
	if l.Err == nil {
		return
	}
	for svc, servers := range l.asked {
		f.Mark(svc, slices.Collect(maps.Keys(servers)))
	}
}
