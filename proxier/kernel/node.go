package kernel

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// NodeAddresses are those by which this machine can be reached: of every
// interface but our device, without loopback and link-local ones.
func (k *Kernel) NodeAddresses(context.Context) ([]netip.Addr, error) {
	ours, err := k.device()
	if err != nil {
		return nil, err
	}
	all, err := k.links.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list the node's addresses: %w", translate(err, nil))
	}
	var own []netip.Addr
	for _, a := range all {
		addr, ok := netip.AddrFromSlice(a.IP)
		if !ok || ours != nil && a.LinkIndex == ours.Attrs().Index {
			continue
		}
		if addr = addr.Unmap(); addr.IsGlobalUnicast() {
			own = append(own, addr)
		}
	}
	return own, nil
}
