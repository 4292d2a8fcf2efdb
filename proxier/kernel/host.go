package kernel

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
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
	if err := k.probeScheduler(ctx); err != nil {
		return nil, err
	}
	k.settleFamilies(ctx)
	warnings, err = k.SetSysctls()
	return warnings, errors.Join(err, k.setTimeouts())
}

// probeMark is a packet mark that nobody is known to use: "KIPV".
const probeMark = 0x4b495056

// probeScheduler finds out whether the kernel has the node's scheduler, unless
// one of our virtual servers uses it already.
func (k *Kernel) probeScheduler(ctx context.Context) error {
	rows, err := virtualServers{k}.List(ctx)
	if err != nil {
		return fmt.Errorf("list virtual servers: %w", err)
	}
	for _, how := range rows {
		if how.Scheduler == k.cfg.Scheduler {
			return nil
		}
	}
	return k.TryScheduler(ctx, k.cfg.Scheduler)
}

// TryScheduler makes a virtual server that no packet can reach, so that the
// kernel loads the scheduler. It fails with state.ErrNoScheduler where there is
// none of this name.
func (k *Kernel) TryScheduler(_ context.Context, name string) error {
	whole, key := markService(unix.AF_INET, probeMark, name), markKey(unix.AF_INET, probeMark)
	made := k.servers.Do([]wire.Request{command(newService, wire.Append(nil, attrService, whole...))})[0]
	gone := k.servers.Do([]wire.Request{command(delService, wire.Append(nil, attrService, key...))})[0]
	err := wire.Translate(made, map[unix.Errno]error{
		unix.EEXIST: nil,
		unix.ENOENT: fmt.Errorf("%w: %s (module ip_vs_%s)", state.ErrNoScheduler, name, name),
	})
	if err == nil {
		err = wire.Translate(gone, nil)
	}
	if err != nil {
		return fmt.Errorf("try scheduler %q: %w", name, err)
	}
	return nil
}
