package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// fill puts the endpoints that all slices together hold behind the ports. A
// slice's port belongs to the Service's port of the same name and protocol;
// its number may differ from slice to slice.
func fill(ports []Port, all []*discovery.EndpointSlice, node Node) []Remark {
	var remarks []Remark
	found := make([]endpointSet, len(ports))
	for i := range found {
		found[i] = endpointSet{}
	}
	for _, slice := range all {
		n := notes{object: fmt.Sprintf("EndpointSlice %s/%s", slice.Namespace, slice.Name)}
		if n.isIP(slice) && ports[0].servesFamily(slice.AddressType) {
			n.fillFrom(slice, node, ports, found)
		}
		remarks = append(remarks, n.remarks...)
	}
	for i := range ports {
		ports[i].Endpoints = found[i].sorted()
	}
	return remarks
}

func (n *notes) isIP(slice *discovery.EndpointSlice) bool {
	if slice.AddressType == discovery.AddressTypeIPv4 || slice.AddressType == discovery.AddressTypeIPv6 {
		return true
	}
	n.add(fmt.Errorf("%q cannot be balanced: IPv4 and IPv6 can", slice.AddressType), "addressType")
	return false
}

func (n *notes) fillFrom(slice *discovery.EndpointSlice, node Node, ports []Port, found []endpointSet) {
	endpoints := n.endpoints(slice, node)
	for i, sp := range slice.Ports {
		// No number means every port, which the API allows outside of Services.
		if sp.Port == nil || *sp.Port == 0 {
			continue
		}
		number, err := parsePort(*sp.Port)
		if err != nil {
			n.add(err, "ports[%d].port", i)
			continue
		}
		protocol, err := parseProtocol(or(sp.Protocol, v1.ProtocolTCP))
		if err != nil {
			n.add(err, "ports[%d].protocol", i)
			continue
		}
		for k := range ports {
			if ports[k].Name.Port == or(sp.Name, "") && ports[k].Protocol == protocol {
				found[k].add(endpoints, number)
			}
		}
	}
}

// endpoints reads the slice's endpoints, which have no port yet. Of several
// addresses only the first has a meaning.
func (n *notes) endpoints(slice *discovery.EndpointSlice, node Node) []Endpoint {
	var endpoints []Endpoint
	for i, e := range slice.Endpoints {
		if len(e.Addresses) == 0 {
			n.add(errors.New("there is none, and one is needed"), "endpoints[%d].addresses", i)
			continue
		}
		addr, err := parseAddr(e.Addresses[0])
		if err == nil && familyOf(addr) != slice.AddressType {
			err = fmt.Errorf("%s is not of the slice's address type %s", addr, slice.AddressType)
		}
		if err != nil {
			n.add(err, "endpoints[%d].addresses[0]", i)
			continue
		}
		endpoints = append(endpoints, readEndpoint(&e, addr, node))
	}
	return endpoints
}

func readEndpoint(e *discovery.Endpoint, addr netip.Addr, node Node) Endpoint {
	out := Endpoint{
		Addr:        netip.AddrPortFrom(addr, 0),
		Ready:       or(e.Conditions.Ready, true),
		Serving:     or(e.Conditions.Serving, true),
		Terminating: or(e.Conditions.Terminating, false),
		Local:       node.Name != "" && or(e.NodeName, "") == node.Name,
	}
	if e.Hints != nil {
		for _, z := range e.Hints.ForZones {
			out.Zones = append(out.Zones, z.Name)
		}
		for _, n := range e.Hints.ForNodes {
			out.Nodes = append(out.Nodes, n.Name)
		}
		slices.Sort(out.Zones)
		slices.Sort(out.Nodes)
	}
	return out
}

// endpointSet keeps one copy of each endpoint. An endpoint that moves from
// one slice to another is for a while in both, and may differ.
type endpointSet map[netip.AddrPort]Endpoint

func (s endpointSet) add(endpoints []Endpoint, port uint16) {
	for _, e := range endpoints {
		e.Addr = netip.AddrPortFrom(e.Addr.Addr(), port)
		if old, ok := s[e.Addr]; !ok || e.rank(old) < 0 {
			s[e.Addr] = e
		}
	}
}

func (s endpointSet) sorted() []Endpoint {
	return slices.SortedFunc(maps.Values(s), func(a, b Endpoint) int { return a.Addr.Compare(b.Addr) })
}

// rank is negative if e is the copy to keep. It is zero only for equal
// copies, so that the one kept never depends on which was read first.
func (e Endpoint) rank(o Endpoint) int {
	return cmp.Or(
		trueFirst(o.Terminating, e.Terminating),
		trueFirst(e.Ready, o.Ready),
		trueFirst(e.Serving, o.Serving),
		trueFirst(e.Local, o.Local),
		slices.Compare(e.Zones, o.Zones),
		slices.Compare(e.Nodes, o.Nodes),
	)
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// or is what p points to, or what a missing value means.
func or[T any](p *T, missing T) T {
	if p == nil {
		return missing
	}
	return *p
}
