package kerneltest

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Machine is what the contract is about: a real kernel or one in memory.
type Machine interface {
	Prepare(context.Context) (mended state.Mended, err error)
	VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing]
	RealServers() reconcile.Kind[state.RealServer, state.Weight]
	Members() reconcile.Kind[state.Member, state.None]
	Addresses() reconcile.Kind[netip.Addr, state.None]
	Connections(context.Context, []state.RealServer) (map[state.RealServer]int, error)
	TryScheduler(context.Context, string) error
	Traffic(context.Context, []state.VirtualServer) (map[state.VirtualServer]state.Traffic, error)
}

// Contract checks what everything above relies on. open returns a machine that
// holds nothing yet.
func Contract(t *testing.T, open func(*testing.T) Machine) {
	cases := map[string]func(*testing.T, Machine){
		"before Prepare nothing is listed":                       nothingAtFirst,
		"virtual servers come, change and go":                    virtualServersLive,
		"real servers come, change and go":                       realServersLive,
		"no real server is at the address of many":               manyHostsRefused,
		"members come and go":                                    membersLive,
		"addresses come and go":                                  addressesLive,
		"a virtual server takes its real servers along":          parentsTakeChildren,
		"single servers can be asked for":                        serversAskedFor,
		"a refused op has its error and does not hold up others": refusedAlone,
		"hundreds of ops in one call":                            hundreds,
		"what nobody is connected to has no connections":         noConnections,
		"schedulers can be tried out":                            schedulersTried,
		"traffic is counted of what is there":                    trafficCounted,
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { cases[name](t, open(t)) })
	}
}

// A server for each family and protocol.
var virtualServers = []state.VirtualServer{
	{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP},
	{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.UDP},
	{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.SCTP},
	{Addr: netip.MustParseAddrPort("[fd00:10:96::1]:80"), Protocol: state.TCP},
	{Addr: netip.MustParseAddrPort("[fd00:10:96::1]:53"), Protocol: state.UDP},
}

func endpoints(vs state.VirtualServer) []state.RealServer {
	a, b := netip.MustParseAddrPort("10.244.1.1:8080"), netip.MustParseAddrPort("10.244.1.2:8080")
	if vs.Addr.Addr().Is6() {
		a, b = netip.MustParseAddrPort("[fd00:10:244::1]:8080"), netip.MustParseAddrPort("[fd00:10:244::2]:8080")
	}
	return []state.RealServer{{VirtualServer: vs, Addr: a}, {VirtualServer: vs, Addr: b}}
}

func nothingAtFirst(t *testing.T, m Machine) {
	holds(t, m.VirtualServers(), map[state.VirtualServer]state.Balancing{})
	holds(t, m.RealServers(), map[state.RealServer]state.Weight{})
	holds(t, m.Addresses(), map[netip.Addr]state.None{})
	prepare(t, m)
	prepare(t, m)
	holds(t, m.Members(), map[state.Member]state.None{})
	holds(t, m.Addresses(), map[netip.Addr]state.None{})
}

func virtualServersLive(t *testing.T, m Machine) {
	kind := m.VirtualServers()
	for _, how := range []state.Balancing{
		{Scheduler: "rr"},
		{Scheduler: "rr", Affinity: 3 * time.Hour},
		{Scheduler: "rr", Affinity: time.Second},
		{Scheduler: "lc"},
		{Scheduler: "mh", Flags: state.HashPort | state.Fallback},
		{Scheduler: "sh", Flags: state.Fallback},
		{Scheduler: "rr"},
	} {
		want := map[state.VirtualServer]state.Balancing{}
		for _, vs := range virtualServers {
			want[vs] = how
		}
		// The verb is what the caller believes; the end is the same.
		for _, verb := range []reconcile.Verb{reconcile.Create, reconcile.Update, reconcile.Create} {
			apply(t, kind, verb, want)
			holds(t, kind, want)
		}
	}
	lives(t, kind, state.Balancing{Scheduler: "rr"}, virtualServers)
}

func realServersLive(t *testing.T, m Machine) {
	how := map[state.VirtualServer]state.Balancing{}
	var all []state.RealServer
	for _, vs := range virtualServers {
		how[vs] = state.Balancing{Scheduler: "rr"}
		all = append(all, endpoints(vs)...)
	}
	apply(t, m.VirtualServers(), reconcile.Create, how)
	kind := m.RealServers()
	for _, w := range []state.Weight{1, 0, 100, 65535} {
		want := map[state.RealServer]state.Weight{}
		for _, rs := range all {
			want[rs] = w
		}
		apply(t, kind, reconcile.Update, want)
		holds(t, kind, want)
	}
	lives(t, kind, 1, all)
}

func manyHostsRefused(t *testing.T, m Machine) {
	vs := virtualServers[0]
	apply(t, m.VirtualServers(), reconcile.Create, map[state.VirtualServer]state.Balancing{vs: {Scheduler: "rr"}})
	for _, a := range []string{"0.0.0.0", "224.0.0.1", "255.255.255.255"} {
		rs := state.RealServer{VirtualServer: vs, Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 80)}
		if err := denied(t, m.RealServers(), rs, 1); !errors.Is(err, reconcile.ErrRefused) {
			t.Errorf("%s: %v, want it to be %v", a, err, reconcile.ErrRefused)
		}
	}
}

func membersLive(t *testing.T, m Machine) {
	prepare(t, m)
	var all []state.Member
	for _, a := range []string{"10.96.0.1:80", "[fd00:10:96::1]:80"} {
		addr := netip.MustParseAddrPort(a)
		for _, p := range []state.Protocol{state.TCP, state.UDP, state.SCTP} {
			for _, s := range []state.Set{
				state.ServicePorts, state.ClusterPorts, state.Masquerade, state.Aliased, state.AliasPorts, state.Drop, state.Restricted,
				state.HealthPorts,
			} {
				all = append(all, s.Holding(ipset.IPPort(addr, uint8(p))))
			}
			all = append(all, state.Hairpin.Holding(ipset.IPPortIP(addr, uint8(p), addr.Addr())))
			for _, bits := range []int{8, 31, addr.Addr().BitLen()} {
				all = append(all, state.Allowed.Holding(ipset.IPPortNet(addr, uint8(p), netip.PrefixFrom(addr.Addr(), bits))))
			}
		}
		all = append(all, state.Addresses.Holding(ipset.IP(addr.Addr())),
			state.Ranges.Holding(ipset.Net(netip.PrefixFrom(addr.Addr(), 12))))
	}
	lives(t, m.Members(), state.None{}, all)
	_ = denied(t, m.Members(), state.Member{Entry: all[0].Entry}, state.None{})
}

func addressesLive(t *testing.T, m Machine) {
	// Before there is a device an address brings it, and Prepare tells of that once.
	first := map[netip.Addr]state.None{netip.MustParseAddr("10.96.0.1"): {}}
	apply(t, m.Addresses(), reconcile.Create, first)
	holds(t, m.Addresses(), first)
	apply(t, m.Addresses(), reconcile.Delete, first)
	for _, made := range []int{1, 0} {
		if mended, err := m.Prepare(t.Context()); err != nil || mended[state.MendedDevice] != made {
			t.Errorf("mended %v, want %d devices: %v", mended, made, err)
		}
	}
	lives(t, m.Addresses(), state.None{}, []netip.Addr{
		netip.MustParseAddr("10.96.0.1"), netip.MustParseAddr("10.96.0.2"),
		netip.MustParseAddr("fd00:10:96::1"), netip.MustParseAddr("fd00:10:96::2"),
	})
}

func parentsTakeChildren(t *testing.T, m Machine) {
	vs, other := virtualServers[0], virtualServers[3]
	how := state.Balancing{Scheduler: "rr"}
	apply(t, m.VirtualServers(), reconcile.Create, map[state.VirtualServer]state.Balancing{vs: how, other: how})
	apply(t, m.RealServers(), reconcile.Create, map[state.RealServer]state.Weight{endpoints(vs)[0]: 1, endpoints(other)[0]: 1})
	apply(t, m.VirtualServers(), reconcile.Delete, map[state.VirtualServer]state.Balancing{vs: {}})
	holds(t, m.RealServers(), map[state.RealServer]state.Weight{endpoints(other)[0]: 1})
	apply(t, m.RealServers(), reconcile.Delete, map[state.RealServer]state.Weight{endpoints(vs)[0]: 0})
	if err := denied(t, m.RealServers(), endpoints(vs)[0], 1); !errors.Is(err, state.ErrNoVirtualServer) || !errors.Is(err, reconcile.ErrRefused) {
		t.Errorf("a real server without its virtual server: %v, want %v", err, state.ErrNoVirtualServer)
	}
}

func serversAskedFor(t *testing.T, m Machine) {
	const there, not = 40, 40
	servers, real := map[state.VirtualServer]state.Balancing{}, map[state.RealServer]state.Weight{}
	var askServers []state.VirtualServer
	var askReal []state.RealServer
	for i := range there + not {
		vs := state.VirtualServer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, 1, byte(i)}), 80), Protocol: state.TCP}
		askServers, askReal = append(askServers, vs), append(askReal, state.RealServer{VirtualServer: vs})
		if i < there {
			servers[vs] = state.Balancing{Scheduler: "rr", Affinity: time.Duration(i) * time.Second}
			real[endpoints(vs)[0]], real[endpoints(vs)[1]] = 1, 0
		}
	}
	apply(t, m.VirtualServers(), reconcile.Create, servers)
	apply(t, m.RealServers(), reconcile.Create, real)
	beside := map[state.VirtualServer]state.Balancing{virtualServers[3]: {Scheduler: "rr"}}
	apply(t, m.VirtualServers(), reconcile.Create, beside)
	apply(t, m.RealServers(), reconcile.Create, map[state.RealServer]state.Weight{endpoints(virtualServers[3])[0]: 1})
	finds(t, m.VirtualServers(), askServers, servers)
	finds(t, m.RealServers(), askReal, real)
	finds(t, m.VirtualServers(), askServers[there:], map[state.VirtualServer]state.Balancing{})
	finds(t, m.RealServers(), askReal[there:], map[state.RealServer]state.Weight{})
}

// noConnections asks also for real servers that are not there, under a virtual
// server that is and one that is not.
func noConnections(t *testing.T, m Machine) {
	vs, absent := virtualServers[0], virtualServers[3]
	apply(t, m.VirtualServers(), reconcile.Create, map[state.VirtualServer]state.Balancing{vs: {Scheduler: "rr"}})
	apply(t, m.RealServers(), reconcile.Create, map[state.RealServer]state.Weight{endpoints(vs)[0]: 1})
	all := append(endpoints(vs), endpoints(absent)...)
	got, err := m.Connections(t.Context(), all)
	want := map[state.RealServer]int{}
	for _, rs := range all {
		want[rs] = 0
	}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("connections: %v, %v; want none of %v", got, err, all)
	}
}

func refusedAlone(t *testing.T, m Machine) {
	kind, rr := m.VirtualServers(), state.Balancing{Scheduler: "rr"}
	errs := kind.Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: virtualServers[0], Value: rr},
		{Verb: reconcile.Create, Key: virtualServers[1], Value: state.Balancing{Scheduler: "nosuch"}},
		{Verb: reconcile.Create, Key: virtualServers[2], Value: rr},
	})
	if len(errs) != 3 || errs[0] != nil || !errors.Is(errs[1], state.ErrNoScheduler) || !errors.Is(errs[1], reconcile.ErrRefused) || errs[2] != nil {
		t.Errorf("answers %v, want only the second to be %v", errs, state.ErrNoScheduler)
	}
	holds(t, kind, map[state.VirtualServer]state.Balancing{virtualServers[0]: rr, virtualServers[2]: rr})
}

func hundreds(t *testing.T, m Machine) {
	prepare(t, m)
	const n = 700
	servers := map[state.VirtualServer]state.Balancing{}
	real := map[state.RealServer]state.Weight{}
	addresses := map[netip.Addr]state.None{}
	members := map[state.Member]state.None{}
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)})
		vs := state.VirtualServer{Addr: netip.AddrPortFrom(addr, 80), Protocol: state.TCP}
		servers[vs] = state.Balancing{Scheduler: "rr"}
		real[endpoints(vs)[0]] = 1
		addresses[addr] = state.None{}
		members[state.ServicePorts.Holding(ipset.IPPort(vs.Addr, uint8(vs.Protocol)))] = state.None{}
	}
	apply(t, m.Members(), reconcile.Create, members)
	apply(t, m.VirtualServers(), reconcile.Create, servers)
	apply(t, m.RealServers(), reconcile.Create, real)
	apply(t, m.Addresses(), reconcile.Create, addresses)
	holds(t, m.Members(), members)
	holds(t, m.VirtualServers(), servers)
	holds(t, m.RealServers(), real)
	holds(t, m.Addresses(), addresses)
	apply(t, m.Addresses(), reconcile.Delete, addresses)
	apply(t, m.Members(), reconcile.Delete, members)
	holds(t, m.Addresses(), map[netip.Addr]state.None{})
	holds(t, m.Members(), map[state.Member]state.None{})
}

func schedulersTried(t *testing.T, m Machine) {
	for _, name := range []string{"rr", "wlc", "mh", "mh"} {
		if err := m.TryScheduler(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.TryScheduler(t.Context(), "fastest"); !errors.Is(err, state.ErrNoScheduler) {
		t.Errorf("fastest: %v", err)
	}
	holds(t, m.VirtualServers(), map[state.VirtualServer]state.Balancing{})
}

func trafficCounted(t *testing.T, m Machine) {
	there, absent := virtualServers[0], virtualServers[3]
	apply(t, m.VirtualServers(), reconcile.Create, map[state.VirtualServer]state.Balancing{there: {Scheduler: "rr"}})
	all, err := m.Traffic(t.Context(), []state.VirtualServer{absent, there})
	if err != nil || !maps.Equal(all, map[state.VirtualServer]state.Traffic{there: {}}) {
		t.Errorf("counted %v, %v", all, err)
	}
}
