package xt

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// resourceProblem is how iptables ends when it could not get at something that
// is there, such as its lock.
const resourceProblem = 4

// Probe tells why the kernel cannot translate addresses of a family, by a rule
// that comes and goes in one transaction: to list a table of nftables says
// nothing. Where our chain is, there is no doubt.
func (r *Rules) Probe(ctx context.Context, f ipset.Family) error {
	t := r.tables[f]
	if chains, err := r.netfilter.Chains(); t.nft && err == nil &&
		slices.Contains(chains[f], xtables.Place{Table: "nat", Chain: t.prefix + "MARK"}) {
		return nil
	}
	chain := t.prefix + "PROBE"
	input := fmt.Sprintf("*nat\n:%[1]s - [0:0]\n-A PREROUTING -j %[1]s\n-D PREROUTING -j %[1]s\n-X %[1]s\nCOMMIT\n", chain)
	err := Restore(ctx, t.restore, input)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != resourceProblem {
		return fmt.Errorf("the kernel has no table nat: %w", err)
	}
	return nil // what else may be in the way is no word about the kernel
}
