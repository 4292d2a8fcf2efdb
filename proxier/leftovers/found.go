package leftovers

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Backend is one of the two places in the kernel that iptables can write to.
// Packets pass through both.
type Backend string

// The backends.
const (
	Legacy Backend = "legacy"
	NFT    Backend = "nft"
)

// Where names the tables of one family in one backend.
type Where struct {
	Backend Backend
	Family  ipset.Family
}

// String is "iptables-nft IPv4".
func (w Where) String() string { return fmt.Sprintf("iptables-%s IPv%d", w.Backend, w.Family) }

// Found is what there is in a machine, foreign things among it. A reader
// may leave out rules that neither lead to a chain of kube-proxy's or ours
// nor stand beside one.
type Found struct {
	Scope     Scope
	Rules     map[Where]xtables.Dump
	NFTables  []string // of nftables: "ip kube-proxy"
	Sets      []string
	NodePorts map[NodePort]bool // in the sets that NodePortsIn names
	Accounts  []string          // of nfacct
	Servers   []Server          // without those of others in excluded ranges
	Answers   []string          // those of ours that stand on a packet mark
	Device    string            // the name of ours; empty if there is none
	Bound     []netip.Addr      // addresses on that
	Local     []netip.Addr      // addresses of all other interfaces
	Sysctls   []Sysctl          // that we have changed and that still have our value
	Timeouts  []Sysctl          // of IPVS, likewise
	Unread    []Blocked         // what may be there and could not be looked at
}

// NodePort is a port that is open on addresses of the node.
type NodePort struct {
	Protocol state.Protocol
	Port     uint16
}

// Server is a virtual server as it is.
type Server struct {
	state.VirtualServer
	How  state.Balancing
	Ours bool // it bears our flag
}

// Sysctl is one that has been changed, or a time-out of IPVS, in seconds.
type Sysctl struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// Signs name things that only kube-proxy makes, and makes again while it is at
// work. Chains of single Services are not among them, nor those that old
// kubelets make again too.
func (f Found) Signs() (signs []string) {
	for _, where := range f.wheres() {
		for _, p := range f.Rules[where].Places() {
			if by, known := kubeProxyChains[p]; known && by != withNode {
				signs = append(signs, fmt.Sprintf("%s: chain %s", where, p))
			}
		}
	}
	for _, t := range chosen(f.NFTables, func(t string) bool { return kubeProxyTables[t] }) {
		signs = append(signs, "nftables table "+t)
	}
	for _, s := range chosen(f.Sets, kubeProxySet) {
		signs = append(signs, "set "+s)
	}
	return signs
}

// kubeProxyServers are the virtual servers of kube-proxy: without our flag, on
// our device, which was kube-proxy's, or on a node address with one of its node
// ports. Others may put theirs on our device: kube-proxy's stand beside sets of
// kube-proxy's (K09).
func (f Found) kubeProxyServers() (all []Server) {
	if !slices.ContainsFunc(f.Sets, kubeProxySet) {
		return nil
	}
	bound, local := setOf(f.Bound), setOf(f.Local)
	for _, s := range f.Servers {
		nodePort := local[s.Addr.Addr()] && f.NodePorts[NodePort{s.Protocol, s.Addr.Port()}]
		if !s.Ours && (bound[s.Addr.Addr()] || nodePort) {
			all = append(all, s)
		}
	}
	return all
}

func (f Found) ourServers() (all []Server) {
	for _, s := range f.Servers {
		if s.Ours {
			all = append(all, s)
		}
	}
	return all
}

func setOf(addrs []netip.Addr) map[netip.Addr]bool {
	set := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		set[a] = true
	}
	return set
}
