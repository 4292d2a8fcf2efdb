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

// Touched tells that addresses of other interfaces than our device have
// changed: look at NodeAddresses again.
func (k *Kernel) Touched() <-chan struct{} { return k.touched }

// watchAddresses passes the kernel's own messages on to Touched. A
// subscription that breaks (its buffer overflows when thousands of addresses
// change at once) counts as a change and is made again.
func (k *Kernel) watchAddresses() error {
	subscribe := func() (chan netlink.AddrUpdate, error) {
		updates := make(chan netlink.AddrUpdate, 64)
		err := netlink.AddrSubscribeWithOptions(updates, k.stop, netlink.AddrSubscribeOptions{
			ReceiveBufferSize: receiveBuffer,
			ErrorCallback:     func(error) {}, // the channel is closed next
		})
		if err != nil {
			return nil, fmt.Errorf("subscribe to address changes: %w", translate(err, nil))
		}
		return updates, nil
	}
	updates, err := subscribe()
	if err != nil {
		return err
	}
	go func() {
		for err == nil {
			for u := range updates {
				if !k.isOurs(u.LinkIndex) {
					k.touch()
				}
			}
			select {
			case <-k.stop:
				return
			default:
				k.touch()
				updates, err = subscribe()
			}
		}
	}()
	return nil
}

func (k *Kernel) isOurs(link int) bool { return int64(link) == k.deviceIndex.Load() }

func (k *Kernel) touch() {
	select {
	case k.touched <- struct{}{}:
	default:
	}
}
