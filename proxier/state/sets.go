package state

import "github.com/kube-ipvs/kube-ipvs/ipset"

// Set is what one of our IP sets is for. The rules look into sets and never
// name a Service, so that their number is constant. The zero Set is none.
type Set int8

// The sets, one of each to a family, in the order in which their members are
// created; they are deleted in the reverse order. Two places matter, the others
// are by name:
//
//   - Allowed stands before Restricted, so that a Service that gets its first
//     source range never shuts out those whom the range lets in;
//   - Addresses is last, of both families: what is sent to an address in it and
//     to no port in ServicePorts is refused.
const (
	Allowed      Set = iota + 1 // address and port, and a range of clients
	ClusterPorts                // masqueraded unless the client is a Pod of this cluster
	Drop                        // policy Local without a local endpoint: new connections get no answer
	Hairpin                     // local endpoint, its port, itself: a Pod that reaches itself
	HealthPorts                 // where load balancers ask for the health of Services; the host lets them in
	Aliased                     // where Pods and the node are sent to the alias address instead
	Masquerade                  // masqueraded whatever the client is
	NodePorts                   // address and port of every Service on an address of the node's own
	LocalPods                   // networks of this node's Pods, where they are told by an address
	Ranges                      // where cluster addresses come from; one that no Service has is refused
	Restricted                  // open only to the clients in Allowed
	ServicePorts                // address and port of every Service on our device
	AliasPorts                  // the aliases, which no client may ask for directly
	Addresses                   // every address on our device; the rest of the host hides behind it
)

// sets says what each Set is called and which type its members have. Names have
// no influence on any order.
var sets = [...]struct {
	name    string
	members ipset.Type
}{
	Allowed:      {"ALLOWED", ipset.HashIPPortNet},
	ClusterPorts: {"CLUSTER", ipset.HashIPPort},
	Drop:         {"DROP", ipset.HashIPPort},
	Hairpin:      {"HAIRPIN", ipset.HashIPPortIP},
	HealthPorts:  {"HEALTH", ipset.HashIPPort},
	Aliased:      {"ALIASED", ipset.HashIPPort},
	Masquerade:   {"MASQUERADE", ipset.HashIPPort},
	NodePorts:    {"NODEPORTS", ipset.HashIPPort},
	LocalPods:    {"PODS", ipset.HashNet},
	Ranges:       {"RANGES", ipset.HashNet},
	Restricted:   {"RESTRICTED", ipset.HashIPPort},
	ServicePorts: {"SERVICES", ipset.HashIPPort},
	AliasPorts:   {"ALIASES", ipset.HashIPPort},
	Addresses:    {"ADDRESSES", ipset.HashIP},
}

// Prefix4 and Prefix6 begin the names of our sets and chains: IPv4 and IPv6. No
// kube-proxy mode uses them, so ours and theirs can stand side by side.
const (
	Prefix4 = "KIPVS-"
	Prefix6 = "KIPVS6-"
)

// Table is the name of our tables of nftables, one of each family.
const Table = "kube-ipvs"

// Sets are all sets in their order.
func Sets() []Set {
	all := make([]Set, 0, len(sets)-1)
	for s := Allowed; int(s) < len(sets); s++ {
		all = append(all, s)
	}
	return all
}

// Type is the type of the set's members.
func (s Set) Type() ipset.Type { return sets[s].members }

// String is the set's name without its family, for example SERVICES.
func (s Set) String() string { return sets[s].name }

// Name is the kernel's name of the set, for example KIPVS6-SERVICES.
func (s Set) Name(f ipset.Family) string {
	if f == ipset.IPv6 {
		return Prefix6 + sets[s].name
	}
	return Prefix4 + sets[s].name
}

// Holding is the row that says: this set of e's family holds e.
func (s Set) Holding(e ipset.Entry) Member { return Member{Set: s, Entry: e} }
