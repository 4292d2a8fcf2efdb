package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ForgetFlows deletes the conntrack entries of UDP flows to these virtual
// servers that are not answered by one of the real servers named with them. A
// client that began before there was anything to answer keeps its entry alive
// with each datagram, and the kernel would never look again. It reads the
// whole table of each family concerned, however many servers there are, and
// may run beside the goroutine that owns the Kernel.
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
			errs = append(errs, fmt.Errorf("delete UDP flows: %w", translate(err, nil)))
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

// staleFlows matches flows to a server that none of its real servers answers.
type staleFlows map[state.VirtualServer][]netip.AddrPort

// MatchConntrackFlow is asked for each entry of the table.
func (s staleFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	to, ok := netip.AddrFromSlice(flow.Forward.DstIP)
	real, concerned := s[state.VirtualServer{
		Addr:     netip.AddrPortFrom(to.Unmap(), flow.Forward.DstPort),
		Protocol: state.UDP,
	}]
	if !ok || !concerned {
		return false
	}
	from, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	answering := netip.AddrPortFrom(from.Unmap(), flow.Reverse.SrcPort)
	for _, r := range real {
		if r == answering {
			return false
		}
	}
	return true
}
