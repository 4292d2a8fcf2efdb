package proxier

import (
	"context"
	"net/netip"
	"reflect"
	"slices"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

// NodePorts says which of the node's addresses answer on node ports. The zero
// value is all of them, and so is a family that nothing is said about.
type NodePorts struct {
	Within  []netip.Prefix // addresses within these
	Primary bool           // the node's first internal (else external) address of each family; none while that is unknown
	Chosen  netip.Addr     // is primary in its family, whatever the Node object says; zero: none
}

// pick returns those of the node's own addresses that answer.
func (n NodePorts) pick(own []netip.Addr, node *v1.Node) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(own), func(a netip.Addr) bool {
		return !slices.ContainsFunc(n.within(node, a), func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// listen returns where health ports answer: on the addresses picked, or in a
// family where all of them are, on the unspecified address. That one also
// answers on addresses of ours, and while the node has none.
func (n NodePorts) listen(picked []netip.Addr, node *v1.Node) (on []netip.Addr) {
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
func (n NodePorts) within(node *v1.Node, a netip.Addr) []netip.Prefix {
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
func (n NodePorts) primary(node *v1.Node) (addrs []netip.Addr) {
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

// podCIDRs are the networks of the Node's Pods. It may get them long after it is
// there.
func podCIDRs(node *v1.Node) []string {
	switch {
	case node == nil:
		return nil
	case len(node.Spec.PodCIDRs) == 0 && node.Spec.PodCIDR != "":
		return []string{node.Spec.PodCIDR}
	}
	return node.Spec.PodCIDRs
}

// readNode looks at the machine and the Node object; on an error the last
// view stays.
func (p *Proxier) readNode(ctx context.Context) error {
	own, networks, err := p.readMachine(ctx)
	if err != nil {
		return err
	}
	object := p.api.Node()
	picked := p.cfg.NodePorts.pick(own, object)
	p.node = cluster.Node{
		Name:              p.cfg.NodeName,
		Addresses:         own,
		Networks:          networks,
		NodePortAddresses: picked,
		HealthAddresses:   p.cfg.NodePorts.listen(picked, object),
	}
	if object != nil {
		p.node.Zone = object.Labels[v1.LabelTopologyZone]
	}
	p.health.NodeEligible(eligible(object))
	p.lookAgain = false
	return nil
}

// readMachine tells the machine's own addresses and the networks that they are
// in, and keeps how it reaches others.
func (p *Proxier) readMachine(ctx context.Context) (addrs []netip.Addr, networks []netip.Prefix, err error) {
	all, err := p.kernel.NodeAddresses(ctx)
	if err != nil {
		return nil, nil, err
	}
	if p.waysOut, err = p.kernel.WaysOut(ctx); err != nil {
		return nil, nil, err
	}
	for _, a := range all {
		addrs, networks = append(addrs, a.Addr()), append(networks, a.Masked())
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	slices.SortFunc(networks, netip.Prefix.Compare)
	return slices.Compact(addrs), slices.Compact(networks), nil
}

// readNodeFirst reads it unless that has been done: later changes are told of.
func (p *Proxier) readNodeFirst(ctx context.Context) error {
	if p.nodeRead {
		return nil
	}
	err := p.readNode(ctx)
	p.nodeRead = err == nil
	return err
}

// deletionTaint is what the cluster autoscaler puts on a node that it is about
// to remove.
const deletionTaint = "ToBeDeletedByClusterAutoscaler"

// eligible tells whether load balancers may send to this node: not to one
// that is unknown or on its way out.
func eligible(node *v1.Node) bool {
	return node != nil && node.DeletionTimestamp == nil &&
		!slices.ContainsFunc(node.Spec.Taints, func(t v1.Taint) bool { return t.Key == deletionTaint })
}

// nodeMoved tells whether another look at the node shows anything new.
func (p *Proxier) nodeMoved(ctx context.Context) bool {
	before := p.node
	if err := p.readNode(ctx); err != nil {
		p.lookAgain = true
		p.fail("read the node's addresses", err)
		return false
	}
	return !reflect.DeepEqual(before, p.node)
}
