package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Config is what planning has to be told once.
type Config struct {
	Scheduler string          // of Services that name none, in the kernel's words, for example "rr"
	Lacking   map[string]bool // schedulers that the kernel was asked for and does not have
	Families  []ipset.Family  // those that this node can serve

	ExcludeServiceCIDRs []netip.Prefix // addresses of Services within are not served here: another program of the node serves them

	Allowed Allowed

	Aliases  state.Aliases
	Occupied Networks // in which no in-cluster alias may be

	IgnoreExternalIPs  bool // Services' externalIPs are not served
	ServeNodeAddresses bool // external and ingress addresses may be the node's own, as in kube-proxy

	Guard Guard

	DrainTimeout time.Duration // of Services that name none
}

// Allowed are the networks in which Services may name addresses, for a user who may
// write a Service may not take any. None: all are.
type Allowed struct{ External, LoadBalancer []netip.Prefix }

// refuses tells whether the address that a Service names there may not be
// served.
func (a Allowed) refuses(from Origin, addr netip.Addr) bool {
	var in []netip.Prefix
	switch from {
	case ExternalIP:
		in = a.External
	case LoadBalancer:
		in = a.LoadBalancer
	}
	return len(in) > 0 && !slices.ContainsFunc(in, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// frontend is one way in which a Port can be reached, while it is planned.
type frontend struct {
	Port       *cluster.Port
	Server     state.VirtualServer
	Precedence Precedence
	Policy     cluster.Policy // which endpoints may answer
	Bind       bool           // the address must live on our device
	Ranged     bool           // the Service's source ranges apply
	Sets       []state.Set    // those in which the rules must find its address and port
	Origin     Origin         // of HealthPort there is no virtual server: the daemon answers, about the Service's health

	Of state.VirtualServer // for an alias: what it is the alias of
}

// Precedence is by what right a Service has a frontend. A smaller one goes before a
// greater one, whatever the age of the Services.
type Precedence uint8

// The three of them.
const (
	Allocated Precedence = iota // the API server has given it: cluster addresses, node ports
	Claimed                     // the Service names it: external and ingress addresses
	Alias                       // it is an alias, which no client knows about
)

// frontendsOf lists all ways in which the ports of one Service can be reached, in
// each family that the Service and this node have. No two share a Server.
func frontendsOf(ports []cluster.Port, node cluster.Node, cfg Config) ([]frontend, []cluster.Remark) {
	var frontends []frontend
	var remarks []cluster.Remark
	taken, refused := map[state.VirtualServer]bool{}, refusals{}
	for i := range ports {
		p := &ports[i]
		remarks = append(remarks, unschedulable(p, cfg)...)
		for _, f := range slices.Concat(allOf(p, node, cfg), healthFrontends(p, node)) {
			addr := f.Server.Addr.Addr()
			if taken[f.Server] || !p.Serves(addr) || !slices.Contains(cfg.Families, ipset.FamilyOf(addr)) || f.Bind && cfg.excludes(addr) {
				continue
			}
			if why, guarded := f.guarded(node, cfg); guarded {
				refused.note(f, why, node)
				continue
			}
			serve, problem := f.settle(node, cfg)
			if problem != "" {
				remarks = append(remarks, p.Remark(f.Origin.Field(), problem))
			}
			if serve {
				taken[f.Server] = true
				frontends = append(frontends, f)
			}
		}
	}
	if len(refused) > 0 {
		remarks = append(remarks, refused.remarks(&ports[0], node)...)
	}
	aliases, without := aliases(frontends, taken, node, cfg)
	remarks = append(remarks, without...)
	slices.SortFunc(remarks, cluster.Remark.Compare)
	return append(frontends, aliases...), slices.Compact(remarks)
}

// excludes tells whether a Service's address is not to be served.
func (cfg Config) excludes(addr netip.Addr) bool {
	return slices.ContainsFunc(cfg.ExcludeServiceCIDRs, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// guarded is why f may not be served here, whatever cfg says besides.
func (f *frontend) guarded(node cluster.Node, cfg Config) (why Reason, guarded bool) {
	addr := f.Server.Addr.Addr()
	switch {
	case !f.Bind, f.Precedence == Claimed && cfg.Allowed.refuses(f.Origin, addr):
		return "", false
	case slices.Contains(node.Addresses, addr):
		return cfg.Guard.port(f.Server)
	}
	return cfg.Guard.host(addr, f.Precedence)
}

// settle decides whether and how f is served here. An address that is the
// node's own stays where it is: bound and hidden by us, it would take the host's
// other ports with it.
func (f *frontend) settle(node cluster.Node, cfg Config) (serve bool, problem string) {
	if f.Origin == HealthPort {
		return true, ""
	}
	if !f.Bind {
		f.Sets = slices.Concat(f.Sets, []state.Set{state.NodePorts})
		return true, ""
	}
	addr := f.Server.Addr.Addr()
	if cfg.Allowed.refuses(f.Origin, addr) {
		return false, fmt.Sprintf("%s is in no network in which it may be: it is not served here", addr)
	}
	switch own := slices.Contains(node.Addresses, addr); {
	case own && f.Precedence == Claimed && !cfg.ServeNodeAddresses:
		return false, fmt.Sprintf("%s is an address of this node: it is not served here", addr)
	case own:
		f.Bind, f.Sets = false, slices.Concat(f.Sets, []state.Set{state.NodePorts})
		return true, ""
	}
	f.Sets = slices.Concat(f.Sets, []state.Set{state.ServicePorts})
	return true, ""
}

// outside tells whether f is for clients from outside, at least among others.
func (f *frontend) outside() bool { return f.Origin != ClusterIP }

// allOf are the frontends of one Port as the Service has them, whatever this node
// can do.
func allOf(p *cluster.Port, node cluster.Node, cfg Config) (frontends []frontend) {
	for _, w := range sources(p, node, cfg) {
		for _, addr := range w.addrs {
			frontends = append(frontends, frontend{
				Port:       p,
				Server:     state.VirtualServer{Addr: netip.AddrPortFrom(addr, w.port), Protocol: protocols[string(p.Protocol)]},
				Precedence: w.precedence,
				Policy:     w.policy,
				Bind:       w.bind,
				Ranged:     w.ranged,
				Sets:       w.sets,
				Origin:     w.origin,
			})
		}
	}
	return frontends
}

// source is what all frontends of a Port that come from one Origin have in common.
type source struct {
	origin     Origin
	addrs      []netip.Addr
	port       uint16
	precedence Precedence
	policy     cluster.Policy
	bind       bool
	ranged     bool
	sets       []state.Set
}

// sources has first what decides where a Service asks for one address twice:
// traffic inside of the cluster before all other, an address that source
// ranges protect before one that they do not.
func sources(p *cluster.Port, node cluster.Node, cfg Config) []source {
	// With policy Local the client's address is to be kept.
	var outside []state.Set
	if p.External == cluster.Cluster {
		outside = []state.Set{state.Masquerade}
	}
	all := []source{{
		origin: ClusterIP, addrs: p.ClusterIPs, port: p.Port, precedence: Allocated, policy: p.Internal, bind: true,
		sets: []state.Set{state.ClusterPorts},
	}, {
		origin: LoadBalancer, addrs: p.IngressIPs, port: p.Port, precedence: Claimed, policy: p.External, bind: true,
		ranged: true, sets: outside,
	}}
	if !cfg.IgnoreExternalIPs {
		all = append(all, source{
			origin: ExternalIP, addrs: p.ExternalIPs, port: p.Port, precedence: Claimed, policy: p.External, bind: true,
			sets: outside,
		})
	}
	if p.NodePort != 0 {
		all = append(all, source{
			origin: NodePort, addrs: node.NodePortAddresses, port: p.NodePort, precedence: Allocated, policy: p.External,
			sets: outside,
		})
	}
	return all
}

var protocols = map[string]state.Protocol{"TCP": state.TCP, "UDP": state.UDP, "SCTP": state.SCTP}
