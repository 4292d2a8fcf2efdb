package kernel

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Load has the modules loaded that a process with CAP_NET_ADMIN alone might not
// be able to load later: those of IPVS are there since Open, of iptables since
// this. All others the kernel loads when it is asked for what they do. IPv6 is
// left out if the kernel does not have its tables.
func (k *Kernel) Load(ctx context.Context) error {
	if k.IPv6() {
		if err := k.beside.tables[ipset.IPv6].touch(ctx); err != nil {
			k.LeaveOut(err)
		}
	}
	return k.beside.tables[ipset.IPv4].touch(ctx)
}

// Host sets what needs more privilege than CAP_NET_ADMIN: sysctls. It also
// makes sure of the scheduler, sets the timeouts of IPVS, and settles which
// families are served. What is right already is not written; former values are
// recorded. A sysctl without which most things still work is among the
// warnings if it cannot be set.
func (k *Kernel) Host(ctx context.Context) (warnings []error, err error) {
	if err := k.ProbeScheduler(ctx); err != nil {
		return nil, err
	}
	k.settleFamilies(ctx)
	warnings, err = k.SetSysctls()
	return warnings, errors.Join(err, k.SetTimeouts())
}

// settleFamilies leaves out IPv6 where the kernel or this node lacks what it
// takes (K44). It is done once, before anything is served.
func (k *Kernel) settleFamilies(ctx context.Context) {
	if !k.IPv6() {
		return
	}
	t := k.beside.tables[ipset.IPv6]
	err := k.probe(ctx, t)
	if err == nil {
		err = k.AllowIPv6()
	}
	if err != nil {
		k.LeaveOut(err)
	}
}

// resourceProblem is how iptables ends when it could not get at something that
// is there, such as its lock.
const resourceProblem = 4

// probe tells whether the kernel can translate addresses of a family, by a rule
// that comes and goes in one transaction: to list a table of nftables says
// nothing. Where our chain is, there is no doubt.
func (k *Kernel) probe(ctx context.Context, t *tables) error {
	if chains, err := k.nftChains(); t.nft && err == nil &&
		slices.Contains(chains[ipset.IPv6], xtables.Place{Table: "nat", Chain: t.prefix + "MARK"}) {
		return nil
	}
	chain := t.prefix + "PROBE"
	input := fmt.Sprintf("*nat\n:%[1]s - [0:0]\n-A PREROUTING -j %[1]s\n-D PREROUTING -j %[1]s\n-X %[1]s\nCOMMIT\n", chain)
	err := restore(ctx, t.restore, input)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != resourceProblem {
		return fmt.Errorf("the kernel has no table nat: %w", err)
	}
	return nil // what else may be in the way is no word about the kernel
}
