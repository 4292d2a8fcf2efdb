package cluster

import (
	"net/netip"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PortName names one port of one Service. The port's own name is empty if it
// is the only one.
type PortName struct {
	Service types.NamespacedName
	Port    string
}

// Port is one port of one Service with the endpoints behind it.
type Port struct {
	Name     PortName
	Protocol v1.Protocol // TCP, UDP or SCTP

	ClusterIPs  []netip.Addr // never empty
	ExternalIPs []netip.Addr
	IngressIPs  []netip.Addr // of the load balancer; only those whose traffic reaches the node unchanged
	Port        uint16       // on all the addresses above
	NodePort    uint16       // zero: none

	SourceRanges SourceRanges // of clients that may use the IngressIPs

	Internal Policy        // for traffic to the ClusterIPs
	External Policy        // for all other traffic
	Affinity time.Duration // whole seconds; zero: none

	Scheduler Scheduler // how connections are shared out

	// DrainTimeout is how long connections to endpoints that have left are
	// waited for at most; nil: the Service does not say.
	DrainTimeout *time.Duration

	Endpoints []Endpoint // sorted by address and port, without duplicates
	Health    Health     // the same for all ports of a Service
}

// Serves tells whether the Service is served in addr's family: it is if it
// has a ClusterIP there.
func (p *Port) Serves(addr netip.Addr) bool { return p.servesFamily(familyOf(addr)) }

func (p *Port) servesFamily(family discovery.AddressType) bool {
	return slices.ContainsFunc(p.ClusterIPs, func(ip netip.Addr) bool { return familyOf(ip) == family })
}

// Endpoint is one address and port behind a Port.
type Endpoint struct {
	Addr        netip.AddrPort
	Ready       bool // as reported; a terminating endpoint can be ready
	Serving     bool
	Terminating bool
	Local       bool     // on this node
	Weight      uint16   // its share of connections, with schedulers that heed it; zero: its slice does not say
	Zones       []string // the zones that it is meant for, sorted; none: no hint
	Nodes       []string // the nodes that it is meant for, sorted; none: no hint
}

// Node is this machine as far as planning needs it.
type Node struct {
	Name              string
	Zone              string         // empty: unknown
	Addresses         []netip.Addr   // its own, apart from those that are on our device
	Networks          []netip.Prefix // that it is in: those of its own addresses
	NodePortAddresses []netip.Addr   // where node ports answer
	HealthAddresses   []netip.Addr   // where health ports answer; an unspecified one stands for all of its family
}

// Policy says which endpoints may answer: those of the whole cluster, or only
// those on this node.
type Policy string

// The two policies.
const (
	Cluster Policy = "Cluster"
	Local   Policy = "Local"
)

func familyOf(addr netip.Addr) discovery.AddressType {
	if addr.Is4() {
		return discovery.AddressTypeIPv4
	}
	return discovery.AddressTypeIPv6
}
