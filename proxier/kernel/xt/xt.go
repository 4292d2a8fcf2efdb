package xt

import (
	"context"
	"errors"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/netfilter"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Config is what the packet program depends on.
type Config struct {
	Rules  rules.Config
	Accept rules.AcceptMode // goes before what Rules says of it
}

// Rules are the packet program and its sets in one network namespace. Members are
// for the goroutine that writes rows; all else may run beside it.
type Rules struct {
	cfg          Config
	served       *host.Served
	members      *ipset.Client
	sets         *ipset.Client // whole sets
	netfilter    netfilter.Conn
	tables       map[ipset.Family]*tables
	subscription *wire.Subscription
}

// Open finds the programs. Those of IPv4 are needed; IPv6 is left out where they
// are missing or of no use. Nothing is changed.
func Open(cfg Config, served *host.Served) (r *Rules, err error) {
	r = &Rules{cfg: cfg, served: served, tables: map[ipset.Family]*tables{}}
	if r.members, err = ipset.Open(); err == nil {
		r.sets, err = ipset.Open()
	}
	if err == nil {
		r.netfilter, err = netfilter.Dial()
	}
	if err == nil {
		err = r.openTables()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rules) openTables() (err error) {
	for _, f := range r.served.Families() {
		r.tables[f], err = open(f)
		if err != nil && f == ipset.IPv4 {
			return err
		}
		if err != nil {
			r.served.LeaveOut(err)
		}
	}
	return nil
}

// Close lets go of all sockets; nothing in the kernel changes.
func (r *Rules) Close() error {
	r.subscription.Close()
	for _, c := range []*ipset.Client{r.members, r.sets} {
		if c != nil {
			c.Close()
		}
	}
	return r.netfilter.Close()
}

// Watch has changed called whenever the kernel tells of our rules. It tells
// nothing of those of the legacy backend, and nothing of sets.
func (r *Rules) Watch(changed func()) (err error) {
	if r.tables[ipset.IPv4].nft { // else subscribing would load nf_tables
		r.subscription, err = netfilter.Watch(changed)
	}
	return err
}

// Load lists what we need, which has the kernel load the modules of the legacy
// backend. IPv6 is left out if the kernel does not have its tables.
func (r *Rules) Load(ctx context.Context) error {
	if r.served.IPv6() {
		if err := r.tables[ipset.IPv6].touch(ctx); err != nil {
			r.served.LeaveOut(err)
		}
	}
	return r.tables[ipset.IPv4].touch(ctx)
}

// Prepare makes the sets and then the rules, which refer to them, whatever is
// missing or different, and writes nothing else. What fails keeps nothing else from
// being made, in the other family least of all. A member that is added while its
// set is made anew may be lost; reading back finds that.
func (r *Rules) Prepare(ctx context.Context) (mended state.Mended, err error) {
	mended = state.Mended{}
	var errs []error
	for _, f := range r.served.Families() {
		sets, err := r.ensureSets(ctx, f)
		errs = append(errs, err)
		changed, err := r.tables[f].ensure(ctx, r.program(f), r.netfilter.Generation)
		errs = append(errs, err)
		mended[state.MendedSet] += sets
		mended[state.MendedRule] += changed
	}
	return mended, errors.Join(errs...)
}

// program is that of a family, for a host that refuses, or not, what none of its
// rules lets in.
func (r *Rules) program(f ipset.Family) func(refuses bool) []chain {
	return func(refuses bool) []chain {
		cfg := r.cfg.Rules
		cfg.Accept = r.cfg.Accept.Where(refuses)
		return program(f, cfg)
	}
}

// Remove takes out all chains, jumps and sets of ours, in the backend that the
// programs work with. A set that rules of others look into stays, and is an
// error.
func (r *Rules) Remove(ctx context.Context) error {
	var errs []error
	for _, f := range r.served.Families() {
		if err := r.tables[f].remove(ctx); err != nil {
			errs = append(errs, err)
			continue // ours still look into the sets
		}
		for _, s := range state.Sets() {
			errs = append(errs, r.sets.Destroy(s.Name(f)))
		}
	}
	return errors.Join(errs...)
}
