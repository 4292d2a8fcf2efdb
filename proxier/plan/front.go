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
}

// Front is one way in which a Port can be reached.
type Front struct {
	Port   *cluster.Port
	Server state.VirtualServer
	Policy cluster.Policy // which endpoints may answer
	Bind   bool           // the address must live on our device
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
		for _, w := range ways(p, node) {
			for _, addr := range w.addrs {
				f := w.front(p, addr)
				if taken[f.Server] || !p.Serves(addr) || !slices.Contains(cfg.Families, ipset.FamilyOf(addr)) {
					continue
				}
				taken[f.Server] = true
				if w.bind && slices.Contains(node.Addresses, addr) {
					remarks = append(remarks, p.Remark(w.field, fmt.Sprintf(
						"%s is an address of this node: it is served here, but not bound to our device", addr)))
				} else if w.bind {
					f.Bind, f.Sets = true, append(f.Sets, state.ServicePorts)
				}
				fronts = append(fronts, f)
			}
		}
	}
	slices.SortFunc(remarks, cluster.Remark.Compare)
	return fronts, slices.Compact(remarks)
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
func ways(p *cluster.Port, node cluster.Node) []way {
	// With policy Local the client's address is to be kept.
	var outside []state.Set
	if p.External == cluster.Cluster {
		outside = []state.Set{state.Masquerade}
	}
	inside := []state.Set{state.ClusterPorts}
	all := []way{
		{"spec.clusterIPs", p.ClusterIPs, p.Port, p.Internal, true, inside},
		{"spec.externalIPs", p.ExternalIPs, p.Port, p.External, true, outside},
		{"status.loadBalancer.ingress", p.IngressIPs, p.Port, p.External, true, outside},
	}
	if p.NodePort != 0 {
		all = append(all, way{"spec.ports.nodePort", node.NodePortAddresses, p.NodePort, p.External, false, outside})
	}
	return all
}

func (w way) front(p *cluster.Port, addr netip.Addr) Front {
	return Front{
		Port:   p,
		Server: state.VirtualServer{Addr: netip.AddrPortFrom(addr, w.port), Protocol: protocols[string(p.Protocol)]},
		Policy: w.policy,
		Sets:   slices.Clone(w.sets),
		Field:  w.field,
	}
}

var protocols = map[string]state.Protocol{"TCP": state.TCP, "UDP": state.UDP, "SCTP": state.SCTP}
