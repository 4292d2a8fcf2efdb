package state

import (
	"net/netip"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// VirtualServer names one IPVS service: an address, a port and a protocol.
type VirtualServer struct {
	Addr     netip.AddrPort
	Protocol Protocol
}

// Balancing is how a VirtualServer shares out connections.
type Balancing struct {
	Scheduler string
	Flags     SchedulerFlags
	Affinity  time.Duration // whole seconds; zero: none
}

// RealServer names one destination of one VirtualServer.
type RealServer struct {
	VirtualServer VirtualServer
	Addr          netip.AddrPort
}

// Weight is a RealServer's share. At zero it keeps its connections and gets
// no new ones.
type Weight int

// Member names one entry of one IP set, the Set of the entry's family.
type Member struct {
	Set   Set
	Entry ipset.Entry
}

// None is the value of rows that only exist or do not.
type None = struct{}

// Rows is everything that one Service asks of this node.
type Rows struct {
	Members        map[Member]None
	VirtualServers map[VirtualServer]Balancing
	RealServers    map[RealServer]Weight
	Addresses      map[netip.Addr]None
	HealthPorts    map[netip.AddrPort]Ready // an unspecified address: all of its family
}

// NewRows returns Rows to be filled.
func NewRows() Rows {
	return Rows{
		Members:        map[Member]None{},
		VirtualServers: map[VirtualServer]Balancing{},
		RealServers:    map[RealServer]Weight{},
		Addresses:      map[netip.Addr]None{},
		HealthPorts:    map[netip.AddrPort]Ready{},
	}
}
