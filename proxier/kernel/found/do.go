package found

import (
	"context"
	"errors"
	"fmt"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
)

// Do does one step of a plan. It goes on past an object that fails.
func (m *Machine) Do(ctx context.Context, step leftovers.Step) error {
	switch step.Action {
	case leftovers.Unhook, leftovers.EmptyChains, leftovers.DeleteChains:
		path, err := xt.Program(ctx, step.Where, "restore")
		if err != nil {
			return err
		}
		return xt.Restore(ctx, path, step.Input)
	case leftovers.AdoptServers:
		return m.ipvs.AdoptServers(ctx, step.Servers)
	case leftovers.DeleteServers:
		return m.ipvs.DeleteServers(ctx, step.Servers)
	case leftovers.DeleteAnswers:
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			if err := m.ipvs.RemoveAnswers(f); err != nil {
				return fmt.Errorf("%s: %w", ipvs.NameAnswers(f), err)
			}
		}
		return nil
	case leftovers.DestroySets:
		return each(step.Objects, m.sets.Destroy)
	case leftovers.DeleteTables:
		return each(step.Objects, m.netfilter.DeleteTable)
	case leftovers.DeleteAccounts:
		return each(step.Objects, m.netfilter.DeleteAccount)
	case leftovers.RemoveDevice:
		return m.device.RemoveDevice()
	case leftovers.RestoreSysctls:
		return m.cfg.Records.Restore(step.Sysctls)
	case leftovers.RestoreTimeouts:
		return m.ipvs.RestoreTimeouts(step.Sysctls)
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
