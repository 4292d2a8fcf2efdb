package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Do does one step of a plan. It goes on past an object that fails.
func (k *Kernel) Do(ctx context.Context, step leftovers.Step) error {
	switch step.Action {
	case leftovers.Unhook, leftovers.EmptyChains, leftovers.DeleteChains:
		path, err := backendProgram(ctx, step.Where, "restore")
		if err != nil {
			return err
		}
		return restore(ctx, path, step.Input)
	case leftovers.AdoptServers:
		return k.changeServers(ctx, reconcile.Update, step.Servers)
	case leftovers.DeleteServers:
		return k.changeServers(ctx, reconcile.Delete, step.Servers)
	case leftovers.DeleteAnswers:
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			if err := k.removeAnswers(f); err != nil {
				return fmt.Errorf("%s: %w", answersServer(f), err)
			}
		}
		return nil
	case leftovers.DestroySets:
		return each(step.Objects, k.beside.sets.Destroy)
	case leftovers.DeleteTables:
		return each(step.Objects, func(name string) error { return deleteNFTable(k.beside.netfilter, name) })
	case leftovers.DeleteAccounts:
		return each(step.Objects, func(name string) error { return deleteAccount(k.beside.netfilter, name) })
	case leftovers.RemoveDevice:
		return k.removeDevice()
	case leftovers.RestoreSysctls:
		return k.Records.Restore(step.Sysctls)
	case leftovers.RestoreTimeouts:
		return k.restoreTimeouts(step.Sysctls)
	}
	return fmt.Errorf("no such action: %s", step.Action)
}

func each(names []string, do func(string) error) error {
	var errs []error
	for _, name := range names {
		if err := do(name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// changeServers edits virtual servers as they are, which puts our flag on them,
// or deletes them.
func (k *Kernel) changeServers(ctx context.Context, verb reconcile.Verb, servers []leftovers.Server) error {
	ops := make([]reconcile.Op[state.VirtualServer, state.Balancing], len(servers))
	for i, s := range servers {
		ops[i] = reconcile.Op[state.VirtualServer, state.Balancing]{Verb: verb, Key: s.VirtualServer, Value: s.How}
	}
	var errs []error
	for i, err := range (virtualServers{k}).Apply(ctx, ops) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", servers[i].VirtualServer, err))
		}
	}
	return errors.Join(errs...)
}

// removeDevice removes our device with all addresses on it.
func (k *Kernel) removeDevice() error {
	link, err := k.device()
	if err != nil || link == nil {
		return err
	}
	return wire.Translate(k.links.LinkDel(link), map[unix.Errno]error{unix.ENODEV: nil})
}
