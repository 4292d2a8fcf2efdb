//go:build linux

package main

import (
	"net/netip"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// front is an address and port at which a Service is to be reached, and who is
// to answer. This is the demo's own reading of the API; it shares no code
// with kube-ipvs.
type front struct {
	service string
	way     v1.ServiceType // of reaching a Service
	chief   bool           // the way that the Service's type is for
	at      netip.AddrPort
	pods    []netip.AddrPort
	local   bool // only Pods of the node answer, and they see the client
}

// String is "web-np NodePort".
func (f front) String() string { return f.service + " " + string(f.way) }

// inside is the way of Pods and the node itself to an address where clients from
// outside reach only Pods of the node: they are led to a shadow of the address,
// behind which are all Pods.
const inside v1.ServiceType = "inside"

// shadow is the address with its first bits replaced: 240.0.0.0/4, fdff::/16.
func shadow(a netip.Addr) netip.Addr {
	b := a.AsSlice()
	if a.Is4() {
		b[0] |= 0xf0
	} else {
		b[0], b[1] = 0xfd, 0xff
	}
	s, _ := netip.AddrFromSlice(b)
	return s
}

// fronts are all those of the Services at the node, in the order of the Services.
func (w world) fronts() []front {
	var all []front
	for _, s := range w.services {
		local := s.Spec.ExternalTrafficPolicy == v1.ServiceExternalTrafficPolicyLocal
		add := func(way v1.ServiceType, port int32, local bool, addrs ...string) {
			for _, a := range addrs {
				f := front{service: s.Name, way: way, chief: s.Spec.Type == way, local: local}
				f.at = netip.AddrPortFrom(netip.MustParseAddr(a), uint16(port))
				f.pods = w.endpoints(f)
				all = append(all, f)
				if local {
					f.way, f.chief, f.local, f.at = inside, false, false, netip.AddrPortFrom(shadow(f.at.Addr()), f.at.Port())
					f.pods = w.endpoints(f)
					all = append(all, f)
				}
			}
		}
		for _, p := range s.Spec.Ports {
			add(v1.ServiceTypeClusterIP, p.Port, false, s.Spec.ClusterIPs...)
			if p.NodePort != 0 {
				add(v1.ServiceTypeNodePort, p.NodePort, local, w.nodeAddresses()...)
			}
			for _, i := range s.Status.LoadBalancer.Ingress {
				add(v1.ServiceTypeLoadBalancer, p.Port, local, i.IP)
			}
		}
	}
	return all
}

func (w world) nodeAddresses() (addrs []string) {
	for _, a := range w.node.Status.Addresses {
		if a.Type == v1.NodeInternalIP {
			addrs = append(addrs, a.Address)
		}
	}
	return addrs
}

// endpoints are those that may answer at f, which has one port.
func (w world) endpoints(f front) (found []netip.AddrPort) {
	for _, s := range w.slices {
		if s.Labels[discovery.LabelServiceName] != f.service {
			continue
		}
		for _, e := range s.Endpoints {
			addr := netip.MustParseAddr(e.Addresses[0])
			if addr.Is4() == f.at.Addr().Is4() && (!f.local || *e.NodeName == w.node.Name) {
				found = append(found, netip.AddrPortFrom(addr, uint16(*s.Ports[0].Port)))
			}
		}
	}
	return found
}
