package device

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// The sysctls by which IPv6 is off, of our device and of those to come.
const (
	IPv6Off        = "net.ipv6.conf." + Name + ".disable_ipv6"
	IPv6OffDefault = "net.ipv6.conf.default.disable_ipv6"
)

// AllowIPv6 makes sure that our device can have addresses of IPv6. Where it is off
// for devices to come, the device is made now: later a container may not be
// allowed to switch it on.
func (d *Device) AllowIPv6() error {
	now, err := host.Sysctl{Name: IPv6OffDefault, Want: "0"}.Read()
	if err != nil {
		return err
	}
	link, err := d.find()
	if err != nil || link == nil && now == "0" {
		return err
	}
	return d.ensure()
}

// switchOnIPv6 does that for our device, if it is off.
func switchOnIPv6() error {
	on := host.Sysctl{Name: IPv6Off, Want: "0"}
	now, err := on.Read()
	if err != nil || now == on.Want {
		return err
	}
	return on.Write(now)
}

// ipv6Refused is why our device refuses an address of IPv6, if it is off.
func ipv6Refused() error {
	if now, err := (host.Sysctl{Name: IPv6Off, Want: "0"}).Read(); err == nil && now != "0" {
		return reconcile.Refused(fmt.Errorf("IPv6 is off on this device: sysctl %s is %s", IPv6Off, now))
	}
	return nil
}

// Forwarding are the sysctls that let packets of IPv6 leave for endpoints
// elsewhere; none where the cluster does not use IPv6, as far as can be told by the
// networks of its Pods and the node's addresses.
func (d *Device) Forwarding(pods []netip.Prefix) (all []host.Sysctl, err error) {
	forward := host.Sysctl{Name: "net.ipv6.conf.all.forwarding", Want: "1"}
	if !d.served.IPv6() {
		return nil, nil
	}
	own, err := d.NodeAddresses(context.Background())
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range own {
		addrs = append(addrs, a.Addr())
	}
	if !state.UsesIPv6(pods, addrs) {
		return nil, nil
	}
	now, err := forward.Read()
	if err == nil && now != forward.Want {
		all, err = d.routerAdvertisements()
	}
	return append(all, forward), err
}

// routerAdvertisements are the sysctls by which interfaces that have got a route
// from a router go on listening to it: one that forwards listens to none unless
// it is told to.
func (d *Device) routerAdvertisements() (all []host.Sysctl, err error) {
	const byAdvertisement = 9 // RTPROT_RA
	routes, err := d.links.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Protocol: byAdvertisement}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list routes of IPv6: %w", wire.Translate(err, nil))
	}
	for _, r := range routes {
		link, err := d.links.LinkByIndex(r.LinkIndex)
		if err != nil {
			return nil, fmt.Errorf("look for the device of a route: %w", wire.Translate(err, nil))
		}
		listen := host.Sysctl{Name: "net.ipv6.conf." + host.DeviceWord(link.Attrs().Name) + ".accept_ra", Want: "2"}
		if now, err := listen.Read(); err == nil && now == "1" && !slices.Contains(all, listen) {
			all = append(all, listen)
		}
	}
	return all, nil
}
