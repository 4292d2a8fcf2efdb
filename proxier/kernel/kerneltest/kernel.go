package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ErrDemanded is the error of calls that fail because a test wants them to.
var ErrDemanded = errors.New("failed on demand")

// Kernel is a machine in memory. Its methods are those of kernel.Kernel; it
// may be used by several goroutines.
type Kernel struct {
	mu       sync.Mutex
	prepared bool
	device   bool
	nodes    []netip.Prefix
	damaged  map[string]int // kind -> how many, of what never varies
	ways     state.WaysOut
	told     state.Changed
	touched  chan struct{}
	calls    map[string]int
	failing  map[string]int // call -> how many more times
	rate     float64
	left     int // calls that still reach the machine; negative: all
	random   *rand.Rand
	refusing map[netip.Addr]bool // real servers with these addresses

	virtualServers parted[state.VirtualServer, state.VirtualServer, state.Balancing]
	realServers    parted[state.VirtualServer, state.RealServer, state.Weight]
	members        rows[state.Member, state.None]
	addresses      rows[netip.Addr, state.None]
	healthPorts    rows[netip.AddrPort, state.Ready]

	connections map[state.RealServer]int
	schedulers  []string
	traffic     map[state.VirtualServer]state.Traffic
	foreign     map[state.VirtualServer]state.Balancing // without our flag
	foreignSets []string
	unserved    error // why IPv6 is not served
}

// New returns a machine that holds nothing and has these addresses.
func New(nodeAddresses ...netip.Addr) *Kernel {
	k := &Kernel{
		nodes:   alone(nodeAddresses),
		damaged: map[string]int{},
		touched: make(chan struct{}, 1),
		calls:   map[string]int{},
		failing: map[string]int{}, refusing: map[netip.Addr]bool{},
		left:   -1,
		random: rand.New(rand.NewPCG(1, 2)),

		connections: map[state.RealServer]int{},
		schedulers:  state.SchedulerNames(),
		traffic:     map[state.VirtualServer]state.Traffic{},
	}
	k.virtualServers.rows = newRows(k, "virtual server", k.checkVirtualServer)
	k.virtualServers.part = func(vs state.VirtualServer) state.VirtualServer { return vs }
	k.realServers.rows = newRows(k, "real server", k.checkRealServer)
	k.realServers.part = func(rs state.RealServer) state.VirtualServer { return rs.VirtualServer }
	k.members = newRows(k, "member", k.checkMember)
	k.addresses = newRows(k, "address", k.checkAddress)
	k.healthPorts = newRows(k, "health port", k.checkHealthPort)
	k.virtualServers.deleted = k.dropRealServers
	k.realServers.deleted = func(rs state.RealServer) { delete(k.connections, rs) }
	return k
}

func (k *Kernel) checkVirtualServer(vs state.VirtualServer, how state.Balancing) error {
	switch {
	case !slices.Contains(k.schedulers, how.Scheduler):
		return reconcile.Refused(fmt.Errorf("%w: %s", state.ErrNoScheduler, how.Scheduler))
	case !vs.Addr.IsValid() || vs.Addr.Addr() != vs.Addr.Addr().Unmap().WithZone(""):
		return fmt.Errorf("address %s", vs.Addr)
	case how.Affinity%time.Second != 0:
		return fmt.Errorf("affinity of %s is no whole number of seconds", how.Affinity)
	}
	return nil
}

func (k *Kernel) checkRealServer(rs state.RealServer, w state.Weight) error {
	switch {
	case w < 0:
		return fmt.Errorf("weight %d", w)
	case !has(k.virtualServers.held, rs.VirtualServer):
		return reconcile.Refused(state.ErrNoVirtualServer)
	case k.refusing[rs.Addr.Addr()] || noHost(rs.Addr.Addr()):
		return reconcile.Refused(errors.New("invalid argument"))
	}
	return nil
}

func (k *Kernel) checkMember(m state.Member, _ state.None) error {
	served := m.Entry.Family() == ipset.IPv4 || k.unserved == nil
	if k.prepared && served && m.Set != 0 && m.Set.Type() == m.Entry.Type() {
		return nil
	}
	return fmt.Errorf("no set %s for a %s", m.SetName(), m.Entry.Type())
}

// checkAddress makes the device if it has gone, for Prepare to tell of.
func (k *Kernel) checkAddress(netip.Addr, state.None) error {
	if !k.device {
		k.device = true
		k.damaged["device"]++
	}
	return nil
}

func (k *Kernel) checkHealthPort(at netip.AddrPort, _ state.Ready) error {
	if !at.Addr().IsUnspecified() && !slices.ContainsFunc(k.nodes, func(p netip.Prefix) bool { return p.Addr() == at.Addr() }) {
		return errors.New("address is not here")
	}
	return nil
}

func (k *Kernel) dropRealServers(vs state.VirtualServer) {
	of := func(rs state.RealServer) bool { return rs.VirtualServer == vs }
	maps.DeleteFunc(k.realServers.held, func(rs state.RealServer, _ state.Weight) bool { return of(rs) })
	maps.DeleteFunc(k.connections, func(rs state.RealServer, _ int) bool { return of(rs) })
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

// NodeAddresses are those given to New, SetNodeAddresses or SetNodeNetworks.
func (k *Kernel) NodeAddresses(context.Context) ([]netip.Prefix, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.nodes), k.call("list node addresses")
}

// ForgetFlows finds nothing.
func (k *Kernel) ForgetFlows(context.Context, map[state.VirtualServer][]netip.AddrPort) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return 0, k.call("forget flows")
}

// Connections are those of Connect.
func (k *Kernel) Connections(_ context.Context, of []state.RealServer) (map[state.RealServer]int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("count connections"); err != nil {
		return nil, err
	}
	counts := make(map[state.RealServer]int, len(of))
	for _, rs := range of {
		counts[rs] = k.connections[rs]
	}
	return counts, nil
}

// Connect gives n connections to each real server that is there now and has
// this address. They end with it.
func (k *Kernel) Connect(to netip.AddrPort, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for rs := range k.realServers.held {
		if rs.Addr == to {
			k.connections[rs] = n
		}
	}
}

// VirtualServers are those of this machine.
func (k *Kernel) VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing] {
	return &k.virtualServers
}

// RealServers are those of this machine.
func (k *Kernel) RealServers() reconcile.Kind[state.RealServer, state.Weight] { return &k.realServers }

// Members are those of this machine.
func (k *Kernel) Members() reconcile.Kind[state.Member, state.None] { return &k.members }

// Addresses are those of this machine.
func (k *Kernel) Addresses() reconcile.Kind[netip.Addr, state.None] { return &k.addresses }

// HealthPorts are listeners of this machine. Unlike the rest they end with the
// program that has opened them.
func (k *Kernel) HealthPorts() reconcile.Kind[netip.AddrPort, state.Ready] { return &k.healthPorts }

// call notes a call and answers with its demanded failure, if any.
func (k *Kernel) call(name string) error {
	k.calls[name]++
	switch {
	case k.left == 0:
		return ErrDemanded
	case k.left > 0:
		k.left--
	}
	if k.failing[name] > 0 {
		k.failing[name]--
		return ErrDemanded
	}
	if k.rate > 0 && k.random.Float64() < k.rate {
		return ErrDemanded
	}
	return nil
}

// Fail makes the next n calls of this name fail, for example "create real
// server" or "list member".
func (k *Kernel) Fail(name string, n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing[name] = n
}

// CutOff lets n more calls reach the machine and no other, as if the program had
// been killed after them; negative: all do again.
func (k *Kernel) CutOff(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = n
}

// FailAtRate makes calls fail at random from now on; zero ends it.
func (k *Kernel) FailAtRate(rate float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rate = rate
}

// Calls are those since the last time, one a line with their number, sorted.
func (k *Kernel) Calls() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(k.calls)) {
		fmt.Fprintf(&b, "%s %d\n", name, k.calls[name])
	}
	clear(k.calls)
	return b.String()
}

// Drift changes what the machine holds behind everybody's back.
func (k *Kernel) Drift(change func(*state.Rows)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(k.rows())
}

func (k *Kernel) rows() *state.Rows {
	return &state.Rows{
		Members: k.members.held, VirtualServers: k.virtualServers.held,
		RealServers: k.realServers.held, Addresses: k.addresses.held, HealthPorts: k.healthPorts.held,
	}
}

// Rows is a copy of what the machine holds.
func (k *Kernel) Rows() state.Rows {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rows()
	return state.Rows{
		Members: maps.Clone(r.Members), VirtualServers: maps.Clone(r.VirtualServers),
		RealServers: maps.Clone(r.RealServers), Addresses: maps.Clone(r.Addresses),
		HealthPorts: maps.Clone(r.HealthPorts),
	}
}
