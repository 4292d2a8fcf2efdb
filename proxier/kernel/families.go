package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// settleFamilies leaves out IPv6 where the kernel or this node lacks what it
// takes (K44). It is done once, before anything is served.
func (k *Kernel) settleFamilies(ctx context.Context) {
	if !k.IPv6() {
		return
	}
	t := k.beside.tables[ipset.IPv6]
	err := k.probe(ctx, t)
	if err == nil {
		err = k.allowIPv6()
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

// The sysctls by which IPv6 is off, of our device and of those to come.
const (
	ipv6Off        = "net.ipv6.conf." + Device + ".disable_ipv6"
	ipv6OffDefault = "net.ipv6.conf.default.disable_ipv6"
)

// allowIPv6 makes sure that our device can have addresses of IPv6. Where it is off
// for devices to come, the device is made now: later a container may not be
// allowed to switch it on.
func (k *Kernel) allowIPv6() error {
	now, err := host.Sysctl{Name: ipv6OffDefault, Want: "0"}.Read()
	if err != nil {
		return err
	}
	link, err := k.device()
	if err != nil || link == nil && now == "0" {
		return err
	}
	return k.ensureDevice()
}

// switchOnIPv6 does that for our device, if it is off.
func switchOnIPv6() error {
	on := host.Sysctl{Name: ipv6Off, Want: "0"}
	now, err := on.Read()
	if err != nil || now == on.Want {
		return err
	}
	return on.Write(now)
}

// ipv6Refused is why our device refuses an address of IPv6, if it is off.
func ipv6Refused() error {
	if now, err := (host.Sysctl{Name: ipv6Off, Want: "0"}).Read(); err == nil && now != "0" {
		return reconcile.Refused(fmt.Errorf("IPv6 is off on this device: sysctl %s is %s", ipv6Off, now))
	}
	return nil
}

// forwarding are the sysctls that let packets of IPv6 leave for endpoints
// elsewhere; none where the cluster does not use IPv6, as far as can be told here.
func (k *Kernel) forwarding() (all []host.Sysctl, err error) {
	forward := host.Sysctl{Name: "net.ipv6.conf.all.forwarding", Want: "1"}
	if !k.IPv6() {
		return nil, nil
	}
	own, err := k.NodeAddresses(context.Background())
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	for _, a := range own {
		addrs = append(addrs, a.Addr())
	}
	if !state.UsesIPv6(k.cfg.Rules.Pods.CIDRs, addrs) {
		return nil, nil
	}
	now, err := forward.Read()
	if err == nil && now != forward.Want {
		all, err = k.routerAdvertisements()
	}
	return append(all, forward), err
}

// routerAdvertisements are the sysctls by which interfaces that have got a route
// from a router go on listening to it: one that forwards listens to none unless
// it is told to.
func (k *Kernel) routerAdvertisements() (all []host.Sysctl, err error) {
	const byAdvertisement = 9 // RTPROT_RA
	routes, err := k.links.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Protocol: byAdvertisement}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("list routes of IPv6: %w", wire.Translate(err, nil))
	}
	for _, r := range routes {
		link, err := k.links.LinkByIndex(r.LinkIndex)
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
