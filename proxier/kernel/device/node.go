package device

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// NodeAddresses are those by which this machine can be reached: of every
// interface but our device, without loopback and link-local ones, each with how
// much of it is the network's. What it costs does not depend on how many Services
// there are, but for the time in which the kernel names their addresses.
func (d *Device) NodeAddresses(context.Context) ([]netip.Prefix, error) {
	ours, err := d.number()
	if err != nil {
		return nil, err
	}
	all, err := d.bound(func(link int) bool { return link != ours })
	if err != nil {
		return nil, fmt.Errorf("list the node's addresses: %w", err)
	}
	var own []netip.Prefix
	for _, b := range all {
		if reachable(b.addr) {
			own = append(own, netip.PrefixFrom(b.addr, min(b.bits, b.addr.BitLen())))
		}
	}
	return own, nil
}

// reachable tells whether others can reach the node by an address of it.
func reachable(a netip.Addr) bool { return a.IsGlobalUnicast() }

// bound lists the addresses of the links that are of interest; of all others
// nothing is read but the number of their link.
func (d *Device) bound(interest func(link int) bool) (all []bound, err error) {
	r := wire.Request{Kind: unix.RTM_GETADDR, Body: make([]byte, unix.SizeofIfAddrmsg)}
	err = d.rows.Relist(r, func() { all = nil }, func(body []byte) error {
		link, family, err := linkOfAddress(body)
		if err != nil || !interest(link) || family != unix.AF_INET && family != unix.AF_INET6 {
			return err
		}
		b, err := parseAddress(body)
		all = append(all, b)
		return err
	})
	return all, wire.Translate(err, nil)
}

// AllAddresses are those of every interface, those on our device apart. It errs
// where a device that is no dummy bears its name.
func (d *Device) AllAddresses() (ours, others []netip.Addr, err error) {
	kind, err := d.DeviceType()
	if err == nil && kind != "" && kind != "dummy" {
		err = fmt.Errorf("%s is a %s, not a dummy", Name, kind)
	}
	if err != nil {
		return nil, nil, err
	}
	index, err := d.number()
	if err != nil {
		return nil, nil, err
	}
	all, err := d.bound(func(int) bool { return true })
	for _, b := range all {
		if b.link == index {
			ours = append(ours, b.addr)
		} else {
			others = append(others, b.addr)
		}
	}
	return ours, others, err
}
