package kernel

import (
	"context"
	"errors"

	"github.com/kube-ipvs/kube-ipvs/ipset"
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
