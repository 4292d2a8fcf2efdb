package nft

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/netfilter"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Rules are the packet program and its sets in one network namespace. Members are
// for the goroutine that writes rows; all else may run beside it.
type Rules struct {
	cfg          rules.Config
	served       *host.Served
	members      *wire.Conn
	tables       *wire.Conn
	subscription *wire.Subscription
}

// Open opens sockets and changes nothing.
func Open(cfg rules.Config, served *host.Served) (r *Rules, err error) {
	r = &Rules{cfg: cfg, served: served}
	if r.members, err = wire.Dial(unix.NETLINK_NETFILTER); err == nil {
		r.tables, err = wire.Dial(unix.NETLINK_NETFILTER)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close lets go of all sockets; nothing in the kernel changes.
func (r *Rules) Close() error {
	r.subscription.Close()
	return errors.Join(r.members.Close(), r.tables.Close())
}

// Watch has changed called whenever the kernel tells of our chains and rules, not
// of members.
func (r *Rules) Watch(changed func()) (err error) {
	r.subscription, err = netfilter.Watch(changed)
	return err
}

// Load tries all that the program takes, which has the kernel load the modules.
// IPv6 is left out if the kernel does not have them.
func (r *Rules) Load(ctx context.Context) error {
	if r.served.IPv6() {
		if err := r.Probe(ctx, ipset.IPv6); err != nil {
			r.served.LeaveOut(err)
		}
	}
	return r.Probe(ctx, ipset.IPv4)
}

// Probe tries the whole program in a table of another name, which is there for no
// packet.
func (r *Rules) Probe(_ context.Context, f ipset.Family) error {
	return table{f, state.Table + "-probe"}.probe(r.tables, rules.For(f, r.cfg))
}

// Prepare writes what is missing or different, in one transaction for each family,
// and nothing else. ErrForeign: another program has a table of this name.
func (r *Rules) Prepare(context.Context) (all state.Mended, err error) {
	all = state.Mended{}
	var errs []error
	for _, f := range r.served.Families() {
		m, err := ours(f).bring(r.tables, rules.For(f, r.cfg))
		errs = append(errs, err)
		all[state.MendedSet] += m.sets
		all[state.MendedRule] += m.rules
	}
	return all, errors.Join(errs...)
}

// Remove deletes our tables of both families.
func (r *Rules) Remove(context.Context) error {
	return errors.Join(ours(ipset.IPv4).remove(r.tables), ours(ipset.IPv6).remove(r.tables))
}
