package node

import (
	"net/netip"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

// Ports says which of the node's addresses answer on node ports. The zero
// value is all of them, and so is a family that nothing is said about.
type Ports struct {
	Within  []netip.Prefix // addresses within these
	Primary bool           // the node's first internal (else external) address of each family; none while that is unknown
	Chosen  netip.Addr     // is primary in its family, whatever the Node object says; zero: none
}

// pick returns those of the node's own addresses that answer.
func (n Ports) pick(own []netip.Addr, node *v1.Node) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(own), func(a netip.Addr) bool {
		return !slices.ContainsFunc(n.within(node, a), func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// listen returns where health ports answer: on the addresses picked, or in a
// family where all of them are, on the unspecified address. That one also
// answers on addresses of ours, and while the node has none.
func (n Ports) listen(picked []netip.Addr, node *v1.Node) (on []netip.Addr) {
	for _, everywhere := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if slices.ContainsFunc(n.within(node, everywhere), func(p netip.Prefix) bool { return p.Bits() == 0 }) {
			on = append(on, everywhere)
			continue
		}
		for _, a := range picked {
			if a.Is4() == everywhere.Is4() {
				on = append(on, a)
			}
		}
	}
	return on
}

// within are the ranges of the family of a whose addresses answer. Where only the
// primary address is asked for, an address that is not known yet opens no other.
func (n Ports) within(node *v1.Node, a netip.Addr) []netip.Prefix {
	all := slices.Clone(n.Within)
	if n.Primary {
		for _, p := range n.primary(node) {
			all = append(all, netip.PrefixFrom(p, p.BitLen()))
		}
	}
	all = slices.DeleteFunc(all, func(p netip.Prefix) bool { return p.Addr().Is4() != a.Is4() })
	if len(all) == 0 && !n.Primary {
		return []netip.Prefix{netip.PrefixFrom(a, 0).Masked()}
	}
	return all
}

// primary are the node's addresses, one to a family.
func (n Ports) primary(node *v1.Node) (addrs []netip.Addr) {
	has := map[bool]bool{}
	if n.Chosen.IsValid() {
		addrs, has[n.Chosen.Is4()] = append(addrs, n.Chosen), true
	}
	if node == nil {
		return addrs
	}
	for _, kind := range []v1.NodeAddressType{v1.NodeInternalIP, v1.NodeExternalIP} {
		for _, a := range node.Status.Addresses {
			addr, err := netip.ParseAddr(a.Address)
			if addr = addr.Unmap(); a.Type == kind && err == nil && !addr.IsLoopback() && !has[addr.Is4()] {
				has[addr.Is4()] = true
				addrs = append(addrs, addr)
			}
		}
	}
	return addrs
}

// View is this node as planning sees it. The machine's own addresses say how much of
// each is the network's; object is nil while the API has not told of it.
func View(name string, own []netip.Prefix, object *v1.Node, ports Ports) cluster.Node {
	addrs := Addresses(own)
	picked := ports.pick(addrs, object)
	view := cluster.Node{
		Name:              name,
		Addresses:         addrs,
		Networks:          masked(own),
		NodePortAddresses: picked,
		HealthAddresses:   ports.listen(picked, object),
	}
	if object != nil {
		view.Zone = object.Labels[v1.LabelTopologyZone]
	}
	return view
}

// Addresses are those of the machine, sorted, each once.
func Addresses(own []netip.Prefix) (addrs []netip.Addr) {
	for _, p := range own {
		addrs = append(addrs, p.Addr())
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

func masked(own []netip.Prefix) (networks []netip.Prefix) {
	for _, p := range own {
		networks = append(networks, p.Masked())
	}
	slices.SortFunc(networks, netip.Prefix.Compare)
	return slices.Compact(networks)
}

// deletionTaint is what the cluster autoscaler puts on a node that it is about
// to remove.
const deletionTaint = "ToBeDeletedByClusterAutoscaler"

// Eligible tells whether load balancers may send to this node: not to one
// that is unknown or on its way out.
func Eligible(object *v1.Node) bool {
	return object != nil && object.DeletionTimestamp == nil &&
		!slices.ContainsFunc(object.Spec.Taints, func(t v1.Taint) bool { return t.Key == deletionTaint })
}
