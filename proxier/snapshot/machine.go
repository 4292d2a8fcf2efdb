package snapshot

import (
	"net/netip"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Machine is what root can read on this machine, with or without a daemon.
type Machine struct {
	Release string            // of the kernel
	IPVS    bool              // the kernel has IPVS loaded
	Modules map[string]Module // those that matter here
	Sysctls map[string]string // by name; without those that cannot be read

	TCPTimeout time.Duration // of IPVS, for idle connections; zero: not known

	Device string       // what kube-ipvs0 is: dummy, something else, or nothing when there is none
	Rows   state.Rows   // what is ours; health ports belong to a process and cannot be seen
	Nodes  []netip.Addr // addresses of the node's own

	Connections map[state.RealServer]Connections
	Foreign     Foreign

	Tables    []Tables
	Processes []Process // of other proxies, of those who announce addresses by ARP, of firewalls
	Unread    []string  // what could not be read, and why
}

// Foreign is what others have in IPVS: virtual servers without our flag.
type Foreign struct {
	VirtualServers map[state.VirtualServer]state.Balancing
	RealServers    map[state.RealServer]state.Weight
}

// Module is how the kernel has a module.
type Module string

// The four ways, from best to worst. A module that is built in or available is
// there when it is asked for.
const (
	Loaded    Module = "loaded"
	BuiltIn   Module = "built in"
	Available Module = "available"
	Missing   Module = "missing"
)

// Connections are those of one real server now.
type Connections struct{ Active, Inactive int }

// Tables are the iptables of one family in one backend.
type Tables struct {
	Program string       // "iptables", "ip6tables-legacy"
	Version string       // as the program says it
	Ours    bool         // these are those that the daemon uses
	Dump    xtables.Dump // the rules of all chains
	Refuses bool         // filter INPUT keeps out what none of its rules lets in
	Accepts bool         // our rules there let in new connections to Services before all others
}

// Process is a running program of interest.
type Process struct {
	ID   int
	Name string
}
