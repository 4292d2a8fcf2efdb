package kernel

import (
	"context"
	"errors"
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
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
		return k.AdoptServers(ctx, step.Servers)
	case leftovers.DeleteServers:
		return k.DeleteServers(ctx, step.Servers)
	case leftovers.DeleteAnswers:
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			if err := k.RemoveAnswers(f); err != nil {
				return fmt.Errorf("%s: %w", ipvs.NameAnswers(f), err)
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
		return k.RemoveDevice()
	case leftovers.RestoreSysctls:
		return k.Records.Restore(step.Sysctls)
	case leftovers.RestoreTimeouts:
		return k.RestoreTimeouts(step.Sysctls)
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
