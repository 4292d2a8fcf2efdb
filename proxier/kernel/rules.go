package kernel

import (
	"context"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Rules is one way of keeping the packet program and its sets in the kernel.
// Which families are served is said by a host.Served that it shares with the
// Kernel: it leaves out IPv6 itself when it is opened on a machine that lacks
// what it takes.
type Rules interface {
	// Load has the modules loaded that a process with CAP_NET_ADMIN alone might not
	// be able to load later. IPv6 is left out if the kernel does not have them.
	Load(context.Context) error
	// Probe tells why the kernel cannot translate addresses of a family, by trying
	// it. It leaves nothing behind; what else fails is no word about the kernel.
	Probe(context.Context, ipset.Family) error
	// Prepare makes sure of the program and of its sets, which it leaves with the
	// members that they have, and tells how many sets and rules it has put right.
	// It can be repeated, and may run beside the goroutine that uses Members.
	Prepare(context.Context) (mended state.Mended, err error)
	// Members are the entries of our sets; List leaves out sets that are not there.
	Members() reconcile.Kind[state.Member, state.None]
	// Watch has changed called, from another goroutine until Close, whenever the
	// kernel tells of a change of our rules. Of what it does not tell there is
	// nothing to hear: that waits for the next Prepare.
	Watch(changed func()) error
	// Remove takes out what is ours and kept in this way. It can be repeated.
	Remove(context.Context) error
	Close() error
}
