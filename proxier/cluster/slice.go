package cluster

import (
	"cmp"
	"errors"
	"fmt"
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
	found := make([]copies, len(ports))
	for _, slice := range all {
		n := notes{object: fmt.Sprintf("EndpointSlice %s/%s", slice.Namespace, slice.Name), node: node}
		if n.isIP(slice) && ports[0].servesFamily(slice.AddressType) {
			n.fillFrom(slice, ports, found)
		}
		remarks = append(remarks, n.remarks...)
	}
	for i := range ports {
		ports[i].Endpoints = found[i].best()
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

func (n *notes) fillFrom(slice *discovery.EndpointSlice, ports []Port, found []copies) {
	endpoints := n.endpoints(slice)
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
func (n *notes) endpoints(slice *discovery.EndpointSlice) []Endpoint {
	endpoints := make([]Endpoint, 0, len(slice.Endpoints))
	weight := n.weight(slice)
	for i, e := range slice.Endpoints {
		if len(e.Addresses) == 0 {
			n.add(errors.New("there is none, and one is needed"), "endpoints[%d].addresses", i)
			continue
		}
		addr, err := parseAddr(e.Addresses[0], n.node)
		if err == nil && familyOf(addr) != slice.AddressType {
			err = fmt.Errorf("%s is not of the slice's address type %s", addr, slice.AddressType)
		}
		if err != nil {
			n.add(err, "endpoints[%d].addresses[0]", i)
			continue
		}
		read := readEndpoint(&e, addr, n.node)
		read.Weight = weight
		endpoints = append(endpoints, read)
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

// copies are all that slices say of the endpoints of one port. An endpoint that
// moves from one slice to another is for a while in both, and may differ.
type copies []Endpoint

func (c *copies) add(endpoints []Endpoint, port uint16) {
	*c = slices.Grow(*c, len(endpoints))
	for _, e := range endpoints {
		e.Addr = netip.AddrPortFrom(e.Addr.Addr(), port)
		*c = append(*c, e)
	}
}

// best keeps one copy of each endpoint, in the order of addresses.
func (c copies) best() []Endpoint {
	slices.SortFunc(c, func(a, b Endpoint) int { return cmp.Or(a.Addr.Compare(b.Addr), a.rank(b)) })
	return slices.CompactFunc(c, func(a, b Endpoint) bool { return a.Addr == b.Addr })
}

// rank is negative if e is the copy to keep. It is zero only for equal
// copies, so that the one kept never depends on which was read first.
func (e Endpoint) rank(o Endpoint) int {
	return cmp.Or(
		trueFirst(o.Terminating, e.Terminating),
		trueFirst(e.Ready, o.Ready),
		trueFirst(e.Serving, o.Serving),
		trueFirst(e.Local, o.Local),
		cmp.Compare(o.Weight, e.Weight),
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
