package ipvs

import (
	"context"
	"errors"
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// AllServers lists all virtual servers of an address, whosever they are, and of which
// families there is one for answers. There is nothing where the kernel has no
// IPVS.
func (i *IPVS) AllServers() (servers []leftovers.Server, answers []ipset.Family, err error) {
	if i.rows.number == 0 {
		return nil, nil, nil
	}
	err = i.rows.List(command(getService, nil), func(body []byte) error {
		s, err := i.names.readService(body)
		if err == nil && s.vs.Addr.IsValid() {
			servers = append(servers, leftovers.Server{VirtualServer: s.vs, How: s.how, Ours: s.ours})
		}
		if s.answers != 0 {
			answers = append(answers, s.answers)
		}
		return err
	})
	return servers, answers, wire.Translate(err, nil)
}

// AdoptServers edits virtual servers as they are, which puts our flag on them.
func (i *IPVS) AdoptServers(ctx context.Context, servers []leftovers.Server) error {
	return i.change(ctx, reconcile.Update, servers)
}

// DeleteServers deletes virtual servers with their real servers.
func (i *IPVS) DeleteServers(ctx context.Context, servers []leftovers.Server) error {
	return i.change(ctx, reconcile.Delete, servers)
}

func (i *IPVS) change(ctx context.Context, verb reconcile.Verb, servers []leftovers.Server) error {
	ops := make([]reconcile.Op[state.VirtualServer, state.Balancing], len(servers))
	for n, s := range servers {
		ops[n] = reconcile.Op[state.VirtualServer, state.Balancing]{Verb: verb, Key: s.VirtualServer, Value: s.How}
	}
	var errs []error
	for n, err := range (virtualServers{i}).Apply(ctx, ops) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", servers[n].VirtualServer, err))
		}
	}
	return errors.Join(errs...)
}
