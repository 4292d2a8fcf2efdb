package leftovers

import "github.com/kube-ipvs/kube-ipvs/proxier/xtables"

// Scope is what a look at a machine is for. It says what has to be looked at,
// and what is planned.
type Scope uint8

// The scopes.
const (
	// Adoption puts our flag on the virtual servers of kube-proxy's ipvs mode,
	// as they are. From then on they are rows like all others: edited in place
	// where they are wanted, else deleted.
	Adoption Scope = iota + 1
	// Takeover removes what is kube-proxy's alone: rules, tables, sets and
	// counters, but not the device and what is on it.
	Takeover
	// Cleanup removes everything of kube-proxy's and ours.
	Cleanup
)

// Chain tells whether a chain may have to go: it is kube-proxy's, or in a cleanup
// ours.
func (s Scope) Chain(p xtables.Place) bool {
	return kubeProxyChain(p) || s == Cleanup && ourName(p.Chain)
}

// Set tells whether an IP set is to go.
func (s Scope) Set(name string) bool {
	return kubeProxySet(name) || s == Cleanup && ourName(name)
}

// NFTable tells whether a table of nftables is to go, "ip kube-proxy".
func (s Scope) NFTable(name string) bool {
	return kubeProxyTables[name] || s == Cleanup && OurTable(name)
}

// OurTable tells whether a table of nftables bears the name of ours.
func OurTable(name string) bool { return ourTables[name] }
