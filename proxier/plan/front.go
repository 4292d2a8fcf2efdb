package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Config is what planning has to be told once.
type Config struct {
	Scheduler string         // in the kernel's words, for example "rr"
	Families  []ipset.Family // those that this node can serve

	IgnoreExternalIPs bool // Services' externalIPs are not served
}

// Front is one way in which a Port can be reached.
type Front struct {
	Port   *cluster.Port
	Server state.VirtualServer
	Policy cluster.Policy // which endpoints may answer
	Bind   bool           // the address must live on our device
	Health bool           // no virtual server: we answer ourselves, about the Service's health
	Sets   []state.Set    // those in which the rules must find its address and port
	Field  string         // where the Service asks for it
}

// Fronts lists all ways in which the ports of one Service can be reached, in
// each family that the Service and this node have. No two share a Server. An
// address that is the node's own is served, but stays where it is: bound and
// hidden by us, it would take the host's other ports with it.
func Fronts(ports []cluster.Port, node cluster.Node, cfg Config) ([]Front, []cluster.Remark) {
	var fronts []Front
	var remarks []cluster.Remark
	taken := map[state.VirtualServer]bool{}
	for i := range ports {
		p := &ports[i]
		for _, f := range slices.Concat(allOf(p, node, cfg), healthFronts(p, node)) {
			addr := f.Server.Addr.Addr()
			if taken[f.Server] || !p.Serves(addr) || !slices.Contains(cfg.Families, ipset.FamilyOf(addr)) {
				continue
			}
			taken[f.Server] = true
			if f.Bind && slices.Contains(node.Addresses, addr) {
				f.Bind = false
				remarks = append(remarks, p.Remark(f.Field, fmt.Sprintf(
					"%s is an address of this node: it is served here, but not bound to our device", addr)))
			}
			if f.Bind {
				f.Sets = slices.Concat(f.Sets, []state.Set{state.ServicePorts})
			}
			fronts = append(fronts, f)
		}
	}
	slices.SortFunc(remarks, cluster.Remark.Compare)
	return fronts, slices.Compact(remarks)
}

// allOf are the fronts of one Port as the Service has them, whatever this node
// can do.
func allOf(p *cluster.Port, node cluster.Node, cfg Config) (fronts []Front) {
	for _, w := range ways(p, node, cfg) {
		for _, addr := range w.addrs {
			fronts = append(fronts, Front{
				Port:   p,
				Server: state.VirtualServer{Addr: netip.AddrPortFrom(addr, w.port), Protocol: protocols[string(p.Protocol)]},
				Policy: w.policy,
				Bind:   w.bind,
				Sets:   w.sets,
				Field:  w.field,
			})
		}
	}
	return fronts
}

// way is what all fronts of a Port that come from one field have in common.
type way struct {
	field  string
	addrs  []netip.Addr
	port   uint16
	policy cluster.Policy
	bind   bool
	sets   []state.Set
}

// ways has the cluster addresses first: where a Service asks for one address
// twice, traffic inside of the cluster has precedence.
func ways(p *cluster.Port, node cluster.Node, cfg Config) []way {
	// With policy Local the client's address is to be kept.
	var outside []state.Set
	if p.External == cluster.Cluster {
		outside = []state.Set{state.Masquerade}
	}
	inside := []state.Set{state.ClusterPorts}
	all := []way{
		{"spec.clusterIPs", p.ClusterIPs, p.Port, p.Internal, true, inside},
		{"status.loadBalancer.ingress", p.IngressIPs, p.Port, p.External, true, outside},
	}
	if !cfg.IgnoreExternalIPs {
		all = slices.Insert(all, 1, way{"spec.externalIPs", p.ExternalIPs, p.Port, p.External, true, outside})
	}
	if p.NodePort != 0 {
		all = append(all, way{"spec.ports.nodePort", node.NodePortAddresses, p.NodePort, p.External, false, outside})
	}
	return all
}

var protocols = map[string]state.Protocol{"TCP": state.TCP, "UDP": state.UDP, "SCTP": state.SCTP}
