package host

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Flows is the kernel's table of connections.
type Flows struct{ families *Served }

// FlowsOf are those of these families.
func FlowsOf(families *Served) Flows { return Flows{families} }

// ForgetFlows deletes the conntrack entries of flows to these virtual servers
// that began before there was anything to answer: they were never translated,
// and what they once missed (masquerading among it) is never made up for. Of
// UDP, whose clients keep an entry alive with each datagram, all go that none
// of the real servers named here answers. It reads the whole table of each
// family concerned, however many servers there are, and keeps nothing of it. It
// may run beside the goroutine that writes rows.
func (t Flows) ForgetFlows(ctx context.Context, servers map[state.VirtualServer][]netip.AddrPort) (deleted int, err error) {
	table, err := wire.Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	deletes, err := wire.Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, deletes.Close()) }()
	f := forgetting{stale: staleFlows(servers), deletes: deletes}
	var errs []error
	for _, family := range t.families.Families() {
		if ctx.Err() == nil && concerns(servers, family) {
			errs = append(errs, f.look(ctx, table, family))
		}
	}
	return f.deleted, errors.Join(append(errs, ctx.Err())...)
}

func concerns(servers map[state.VirtualServer][]netip.AddrPort, f ipset.Family) bool {
	for vs := range servers {
		if ipset.FamilyOf(vs.Addr.Addr()) == f {
			return true
		}
	}
	return false
}

// forgetting is one look at the table of connections.
type forgetting struct {
	stale   staleFlows
	deletes *wire.Conn
	waiting []wire.Request // entries that are to go
	deleted int
}

// look reads the table of one family. Entries are deleted while it is read: the
// kernel goes on from where it is, also where that has gone.
func (f *forgetting) look(ctx context.Context, table *wire.Conn, family ipset.Family) error {
	header := wire.NetfilterHeader(unix.AF_INET, 0)
	if family == ipset.IPv6 {
		header = wire.NetfilterHeader(unix.AF_INET6, 0)
	}
	ask := wire.Request{Kind: unix.NFNL_SUBSYS_CTNETLINK<<8 | nl.IPCTNL_MSG_CT_GET, Body: header}
	err := table.List(ask, func(body []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		flow, err := readFlow(body)
		if err != nil || !f.stale.has(flow) {
			return err
		}
		f.waiting = append(f.waiting, flow.deletion(header))
		if len(f.waiting) == wire.MessagesPerSend {
			return f.flush()
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("list flows: %w", wire.Translate(err, nil))
	}
	return errors.Join(err, f.flush())
}

// flush deletes what waits; what has ended by itself is no error.
func (f *forgetting) flush() error {
	var errs []error
	for _, err := range f.deletes.Do(f.waiting) {
		if err == nil {
			f.deleted++
		}
		errs = append(errs, wire.Translate(err, map[unix.Errno]error{unix.ENOENT: nil}))
	}
	f.waiting = f.waiting[:0]
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete flows: %w", err)
	}
	return nil
}

// staleFlows are the flows to a server that none of its endpoints answers.
type staleFlows map[state.VirtualServer][]netip.AddrPort

func (s staleFlows) has(f flow) bool {
	server := state.VirtualServer{Addr: f.asked.to, Protocol: f.asked.protocol}
	real, concerned := s[server]
	if !concerned {
		return false
	}
	if server.Protocol == state.UDP {
		return !slices.Contains(real, f.answers.from)
	}
	return f.answers.from == server.Addr
}
