//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// carrierWait is how long a new link may take to carry packets.
const carrierWait = 5 * time.Second

// setting is the value of a sysctl.
type setting struct{ name, value string }

// sysctls hold in every namespace, for the links that are made later too.
var sysctls = []setting{
	// An address is of use at once.
	{"net/ipv6/conf/all/accept_dad", "0"},
	{"net/ipv6/conf/default/accept_dad", "0"},
	// Asymmetric paths are wanted here.
	{"net/ipv4/conf/all/rp_filter", "0"},
	{"net/ipv4/conf/default/rp_filter", "0"},
	// A redirect would let the second connection go another way than the first.
	{"net/ipv4/conf/all/send_redirects", "0"},
	{"net/ipv4/conf/default/send_redirects", "0"},
	// "Refused" must not become "timed out" because it is said often.
	{"net/ipv4/icmp_ratelimit", "0"},
	{"net/ipv6/icmp/ratelimit", "0"},
}

// routing makes a namespace a router, of IPv4 first.
var routing = []setting{
	{"net/ipv4/ip_forward", "1"},
	{"net/ipv6/conf/all/forwarding", "1"},
}

// prepare readies the namespace of the calling thread: without loopback IPVS
// refuses real servers.
func prepare() error {
	for _, s := range sysctls {
		if err := setSysctl(s.name, s.value); err != nil {
			return err
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// set writes sysctls of n.
func (n *Namespace) set(all []setting) error {
	return n.Do(func() error {
		for _, s := range all {
			if err := setSysctl(s.name, s.value); err != nil {
				return err
			}
		}
		return nil
	})
}

func setSysctl(name, value string) error {
	if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s to %s: %w", name, value, err)
	}
	return nil
}

// indexes numbers the links. Linux 6.1 may take a second to notice the
// carrier of a veth whose number is also that of its peer, which two namespaces
// that count from one make likely.
var indexes atomic.Int32

func init() { indexes.Store(1000) }

// wire connects a to b: a gets a link of the given name (a port of master,
// unless that is 0), b gets eth0. Both are up when it returns.
func wire(a *Namespace, name string, master int, b *Namespace) error {
	err := a.Do(func() error {
		veth := &netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: name, Index: int(indexes.Add(1)), MasterIndex: master, Flags: net.FlagUp, TxQLen: -1},
			PeerName:      "eth0",
			PeerTxQLen:    -1,
			PeerNamespace: netlink.NsFd(int(b.file.Fd())),
		}
		return netlink.LinkAdd(veth)
	})
	if err == nil {
		err = b.Do(func() error { return up("eth0") })
	}
	if err == nil {
		err = a.Do(func() error { return awaitCarrier(name) })
	}
	if err == nil {
		err = b.Do(func() error { return awaitCarrier("eth0") })
	}
	if err != nil {
		return fmt.Errorf("wire %s to %s: %w", a.Name, b.Name, err)
	}
	return nil
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring link %s up: %w", name, err)
	}
	return nil
}

// awaitCarrier returns when the link is operational. The kernel tells a veth
// that its peer is there from a work queue, and drops packets until then.
func awaitCarrier(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), carrierWait)
	defer cancel()
	return UntilEvery(ctx, time.Millisecond, func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find link %s: %w", name, err)
		}
		if state := link.Attrs().OperState; state != netlink.OperUp {
			return fmt.Errorf("link %s is %s", name, state)
		}
		return nil
	})
}

// address adds an address to a link of n. A link-local one is no source for
// anything beyond the link.
func (n *Namespace) address(link string, p netip.Prefix) error {
	addr := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if p.Addr().IsLinkLocalUnicast() {
		addr.Scope = unix.RT_SCOPE_LINK
	}
	err := n.Do(func() error {
		l, err := netlink.LinkByName(link)
		if err != nil {
			return err
		}
		return netlink.AddrAdd(l, addr)
	})
	if err != nil {
		return fmt.Errorf("add address %s to %s of %s: %w", p, link, n.Name, err)
	}
	return nil
}

// way is a route: to a network by a link, with a next hop or a source or
// neither.
type way struct {
	to   netip.Prefix
	link string
	via  netip.Addr
	src  netip.Addr
}

func (n *Namespace) route(ways ...way) error {
	for _, w := range ways {
		err := n.Do(func() error {
			l, err := netlink.LinkByName(w.link)
			if err != nil {
				return err
			}
			r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(w.to), Gw: w.via.AsSlice(), Src: w.src.AsSlice()}
			if !w.via.IsValid() {
				r.Scope = netlink.SCOPE_LINK
			}
			return netlink.RouteAdd(r)
		})
		if err != nil {
			return fmt.Errorf("route %s by %s of %s: %w", w.to, w.link, n.Name, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
