package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/moby/ipvs"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ReadInto reads all virtual servers, whosever they are, and the time-out of TCP, with
// the library: unlike our own listing its one also counts connections.
func (i *IPVS) ReadInto(m *snapshot.Machine) error {
	timeouts, err := i.moby.GetConfig()
	if err == nil {
		m.TCPTimeout = timeouts.TimeoutTCP
	}
	return errors.Join(err, i.readServers(m))
}

func (i *IPVS) readServers(m *snapshot.Machine) error {
	m.Connections = map[state.RealServer]snapshot.Connections{}
	m.Foreign.VirtualServers = map[state.VirtualServer]state.Balancing{}
	m.Foreign.RealServers = map[state.RealServer]state.Weight{}
	services, err := i.moby.GetServices()
	if err != nil {
		return fmt.Errorf("list virtual servers: %w", wire.Translate(err, nil))
	}
	for _, s := range services {
		addr, ok := netip.AddrFromSlice(s.Address)
		if !ok || s.FWMark != 0 {
			continue
		}
		vs := state.VirtualServer{Addr: netip.AddrPortFrom(addr.Unmap(), s.Port), Protocol: state.Protocol(s.Protocol)}
		servers, real := m.Rows.VirtualServers, m.Rows.RealServers
		if s.Flags&flagOurs == 0 {
			servers, real = m.Foreign.VirtualServers, m.Foreign.RealServers
		}
		servers[vs] = balancing(s)
		destinations, err := i.moby.GetDestinations(s)
		if err != nil {
			return fmt.Errorf("list the real servers of %s: %w", vs, wire.Translate(err, nil))
		}
		for _, d := range destinations {
			at, _ := netip.AddrFromSlice(d.Address)
			rs := state.RealServer{VirtualServer: vs, Addr: netip.AddrPortFrom(at.Unmap(), d.Port)}
			real[rs] = state.Weight(d.Weight)
			m.Connections[rs] = snapshot.Connections{Active: d.ActiveConnections, Inactive: d.InactiveConnections}
		}
	}
	return nil
}

func balancing(s *ipvs.Service) state.Balancing {
	how := state.Balancing{Scheduler: s.SchedName, Flags: state.SchedulerFlags(s.Flags & schedulerFlags)}
	if s.Flags&flagPersistent != 0 {
		how.Affinity = time.Duration(s.Timeout) * time.Second
	}
	return how
}
