package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ForgetFlows deletes the conntrack entries of flows to these virtual servers
// that began before there was anything to answer: they were never translated,
// and what they once missed (masquerading among it) is never made up for. Of
// UDP, whose clients keep an entry alive with each datagram, all go that none
// of the real servers named here answers. It reads the whole table of each
// family concerned, however many servers there are, and may run beside the
// goroutine that owns the Kernel.
func (k *Kernel) ForgetFlows(ctx context.Context, servers map[state.VirtualServer][]netip.AddrPort) (deleted int, err error) {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, fmt.Errorf("open conntrack: %w", err)
	}
	defer h.Close()
	stale := staleFlows(servers)
	var errs []error
	for _, f := range k.Families() {
		if ctx.Err() != nil || !concerns(servers, f) {
			continue
		}
		family := netlink.InetFamily(unix.AF_INET)
		if f == ipset.IPv6 {
			family = unix.AF_INET6
		}
		n, err := h.ConntrackDeleteFilters(netlink.ConntrackTable, family, stale)
		deleted += int(n)
		if err != nil {
			errs = append(errs, fmt.Errorf("delete flows: %w", translate(err, nil)))
		}
	}
	return deleted, errors.Join(append(errs, ctx.Err())...)
}

func concerns(servers map[state.VirtualServer][]netip.AddrPort, f ipset.Family) bool {
	for vs := range servers {
		if ipset.FamilyOf(vs.Addr.Addr()) == f {
			return true
		}
	}
	return false
}

// staleFlows matches flows to a server that nobody of it answers.
type staleFlows map[state.VirtualServer][]netip.AddrPort

// MatchConntrackFlow is asked for each entry of the table.
func (s staleFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	server := state.VirtualServer{
		Addr:     netip.AddrPortFrom(plainAddr(flow.Forward.DstIP), flow.Forward.DstPort),
		Protocol: state.Protocol(flow.Forward.Protocol),
	}
	real, concerned := s[server]
	if !concerned {
		return false
	}
	answering := netip.AddrPortFrom(plainAddr(flow.Reverse.SrcIP), flow.Reverse.SrcPort)
	if server.Protocol == state.UDP {
		return !slices.Contains(real, answering)
	}
	return answering == server.Addr
}

// plainAddr is not valid for what is no address.
func plainAddr(ip net.IP) netip.Addr {
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}
