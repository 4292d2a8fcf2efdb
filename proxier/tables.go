package proxier

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// tables hold all rows, a table for each kind.
type tables struct {
	members        *reconcile.Table[owner, state.Member, state.None]
	virtualServers *reconcile.Table[owner, state.VirtualServer, state.Balancing]
	realServers    *reconcile.Table[owner, state.RealServer, state.Weight]
	addresses      *reconcile.Table[owner, netip.Addr, state.None]
	healthPorts    *reconcile.Table[owner, netip.AddrPort, state.Ready]
}

func newTables(k Kernel, healthPorts HealthPorts, aliases state.Aliases) tables {
	s := staging{aliases}
	virtualServers := reconcile.New[owner](k.VirtualServers(), reconcile.Rules[state.VirtualServer, state.Balancing]{
		Name: "virtual server", Order: state.VirtualServer.Compare,
		Stage: func(vs state.VirtualServer) int { return s.of(vs.Addr.Addr()) },
	})
	return tables{
		members: reconcile.New[owner](k.Members(),
			reconcile.Rules[state.Member, state.None]{Name: "set member", Order: state.Member.Compare, Stage: s.ofMember}),
		virtualServers: virtualServers,
		realServers: reconcile.New[owner](k.RealServers(), reconcile.Rules[state.RealServer, state.Weight]{
			Name: "real server", Order: state.RealServer.Compare,
			Stage:  func(rs state.RealServer) int { return s.of(rs.VirtualServer.Addr.Addr()) },
			Stands: func(rs state.RealServer) bool { return virtualServers.Holds(rs.VirtualServer) },
			// New ones are in before the last old one gets no connections any more.
			Last: func(w state.Weight) bool { return w == 0 },
		}),
		addresses: reconcile.New[owner](k.Addresses(),
			reconcile.Rules[netip.Addr, state.None]{Name: "address", Order: netip.Addr.Compare, Stage: s.ofAddress}),
		healthPorts: reconcile.New[owner](healthPorts, reconcile.Rules[netip.AddrPort, state.Ready]{
			Name: "health port", Order: netip.AddrPort.Compare,
			Stage: func(netip.AddrPort) int { return arriving },
		}),
	}
}

// The stages of a pass. A client that is led to an alias finds all of it: the aliases
// come first and go last. Next comes what leads there, so that clients inside
// of the cluster never meet what is for those from outside. Last comes what
// makes the rules take traffic for ours and the host take it in: until there is
// a server behind it, it belongs to the proxy that served it before us.
const (
	aliases = iota
	leadingThere
	serving
	arriving
	stages
)

// staging tells the stage of a row from the row.
type staging struct{ aliases state.Aliases }

func (s staging) of(addr netip.Addr) int {
	if s.aliases.Contain(addr) {
		return aliases
	}
	return serving
}

func (s staging) ofAddress(addr netip.Addr) int {
	if s.aliases.Contain(addr) {
		return aliases
	}
	return arriving
}

func (s staging) ofMember(m state.Member) int {
	switch m.Set {
	case state.Aliased:
		return leadingThere
	case state.ServicePorts, state.Addresses:
		return s.ofAddress(m.Entry.Addr())
	}
	return s.of(m.Entry.Addr())
}

// table is what a pass does with any of them.
type table interface {
	Name() string
	Observe(context.Context) (drift int, err error)
	Grow(ctx context.Context, stage int) reconcile.Tally
	GrowFor(ctx context.Context, stage int, services []owner) reconcile.Tally
	Shrink(ctx context.Context, stage int) reconcile.Tally
	Settled(owner) bool
	EachFailed(func(row any, owners []owner, err error))
	Refused() int
	Broken() bool
	Size() (wanted, held, due int)
}

// inOrder lists the tables as they grow in each stage: traffic is known to the
// sets before it can arrive, an address becomes local after there is a server
// behind it, and a load balancer is told last that it may send.
func (t tables) inOrder() []table { return append(t.inKernel(), t.healthPorts) }

// onTheWayOut lists the tables as they shrink, which is backwards, but for the
// real servers: a virtual server that goes takes its own along.
func (t tables) onTheWayOut() []table {
	return []table{t.healthPorts, t.addresses, t.virtualServers, t.realServers, t.members}
}

// inKernel are the tables without which there is no traffic. A health port may
// be taken by another program for good; that is no reason to call the whole
// node unhealthy.
func (t tables) inKernel() []table {
	return []table{t.members, t.virtualServers, t.realServers, t.addresses}
}

// claim replaces all that the Service wants.
func (t tables) claim(svc owner, rows state.Rows) {
	t.members.Claim(svc, rows.Members)
	t.virtualServers.Claim(svc, rows.VirtualServers)
	t.realServers.Claim(svc, rows.RealServers)
	t.addresses.Claim(svc, rows.Addresses)
	t.healthPorts.Claim(svc, rows.HealthPorts)
}

// look reads back the real servers of these Services. Where they are not as
// believed, their virtual servers are asked for by name as well: all of those
// are listed once a period, but if one has gone its real servers have gone too.
func (t tables) look(ctx context.Context, services []owner) (drift map[string]int, err error) {
	var virtual []state.VirtualServer
	var real []state.RealServer
	for _, svc := range services {
		virtual = append(virtual, t.virtualServers.Claimed(svc)...)
		real = append(real, t.realServers.Claimed(svc)...)
	}
	for _, vs := range virtual {
		real = append(real, state.RealServer{VirtualServer: vs}) // also one that ought to have none
	}
	realDrift, err := t.realServers.Look(ctx, real)
	drift = map[string]int{t.realServers.Name(): realDrift}
	if realDrift > 0 {
		var failed error
		drift[t.virtualServers.Name()], failed = t.virtualServers.Look(ctx, virtual)
		err = errors.Join(err, failed)
	}
	return drift, err
}

// broken tells whether no row of some kind in the kernel can be had. Single rows
// that are refused are the trouble of those who ask for them.
func (t tables) broken() bool {
	return slices.ContainsFunc(t.inKernel(), table.Broken)
}

// whole tells whether the kernel holds all that is wanted there, but for single
// rows that it refuses.
func (t tables) whole() bool {
	return !slices.ContainsFunc(t.inKernel(), func(each table) bool {
		_, _, due := each.Size()
		return due > each.Refused() || each.Broken()
	})
}

// settled tells whether the kernel holds all of what the Service wants there that
// it does not refuse.
func (t tables) settled(svc owner) bool {
	for _, each := range t.inKernel() {
		if !each.Settled(svc) {
			return false
		}
	}
	return true
}

// due counts the rows of all tables that are not as wanted.
func (t tables) due() (n int) {
	for _, each := range t.inOrder() {
		_, _, due := each.Size()
		n += due
	}
	return n
}

// held counts the rows of each table that are believed to be there.
func (t tables) held() map[string]int {
	n := map[string]int{}
	for _, each := range t.inOrder() {
		_, n[each.Name()], _ = each.Size()
	}
	return n
}

// claimed is all that one owner wants.
func (t tables) claimed(by owner) state.Rows {
	return state.Rows{
		Members: t.members.Wishes(by), VirtualServers: t.virtualServers.Wishes(by),
		RealServers: t.realServers.Wishes(by), Addresses: t.addresses.Wishes(by), HealthPorts: t.healthPorts.Wishes(by),
	}
}
