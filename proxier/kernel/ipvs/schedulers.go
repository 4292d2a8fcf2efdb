package ipvs

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// probeMark is a packet mark that no program is known to use: "KIPV".
const probeMark = 0x4b495056

// ProbeScheduler finds out whether the kernel has the node's scheduler, unless
// one of our virtual servers uses it already.
func (i *IPVS) ProbeScheduler(ctx context.Context) error {
	rows, err := virtualServers{i}.List(ctx)
	if err != nil {
		return fmt.Errorf("list virtual servers: %w", err)
	}
	for _, how := range rows {
		if how.Scheduler == i.cfg.Scheduler {
			return nil
		}
	}
	return i.TryScheduler(ctx, i.cfg.Scheduler)
}

// TryScheduler makes a virtual server that no packet can reach, so that the
// kernel loads the scheduler. It fails with state.ErrNoScheduler where there is
// none of this name.
func (i *IPVS) TryScheduler(_ context.Context, name string) error {
	whole, key := markService(unix.AF_INET, probeMark, name), markKey(unix.AF_INET, probeMark)
	made := i.rows.Do([]wire.Request{command(newService, wire.Append(nil, attrService, whole...))})[0]
	gone := i.rows.Do([]wire.Request{command(delService, wire.Append(nil, attrService, key...))})[0]
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
