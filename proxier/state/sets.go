package state

import "github.com/kube-ipvs/kube-ipvs/ipset"

// Set is what one of our IP sets is for. The rules look into sets and never
// name a Service, so that their number is constant.
type Set string

// The sets, one of each to a family. Members are created in the order of these
// names but for ADDRESSES, which is last, so ALLOWED stands before RESTRICTED:
// a Service that gets its first source range never shuts out those whom the
// range lets in.
const (
	ServicePorts Set = "SERVICES"   // address and port of every Service on our device
	NodePorts    Set = "NODEPORTS"  // address and port of every Service on an address of the node's own
	Addresses    Set = "ADDRESSES"  // every address on our device; the rest of the host hides behind it
	ClusterPorts Set = "CLUSTER"    // masqueraded unless the client is a Pod of this cluster
	Masquerade   Set = "MASQUERADE" // masqueraded whoever the client is
	Hairpin      Set = "HAIRPIN"    // local endpoint, its port, itself: a Pod that reaches itself
	Inside       Set = "INSIDE"     // where Pods and the node are sent to the shadow address instead
	Shadows      Set = "SHADOWS"    // the shadows, which nobody may ask for directly
	Drop         Set = "DROP"       // policy Local without a local endpoint: new connections get no answer
	Restricted   Set = "RESTRICTED" // open only to the clients in Allowed
	Allowed      Set = "ALLOWED"    // address and port, and a range of clients
	Ranges       Set = "RANGES"     // where cluster addresses come from; one that nobody has is refused
	LocalPods    Set = "PODS"       // networks of this node's Pods, where they are told by these
	HealthPorts  Set = "HEALTH"     // where load balancers ask for the health of Services; the host lets them in
)

// Prefix4 and Prefix6 begin the names of our sets and chains: IPv4 and IPv6. No
// kube-proxy mode uses them, so ours and theirs can stand side by side.
const (
	Prefix4 = "KIPVS-"
	Prefix6 = "KIPVS6-"
)

// Types lists every Set with the type its members have.
var Types = map[Set]ipset.Type{
	ServicePorts: ipset.HashIPPort,
	NodePorts:    ipset.HashIPPort,
	Addresses:    ipset.HashIP,
	ClusterPorts: ipset.HashIPPort,
	Masquerade:   ipset.HashIPPort,
	Hairpin:      ipset.HashIPPortIP,
	Inside:       ipset.HashIPPort,
	Shadows:      ipset.HashIPPort,
	Drop:         ipset.HashIPPort,
	Restricted:   ipset.HashIPPort,
	Allowed:      ipset.HashIPPortNet,
	Ranges:       ipset.HashNet,
	LocalPods:    ipset.HashNet,
	HealthPorts:  ipset.HashIPPort,
}

// Name is the kernel's name of the set, for example KIPVS6-SERVICES.
func (s Set) Name(f ipset.Family) string {
	if f == ipset.IPv6 {
		return Prefix6 + string(s)
	}
	return Prefix4 + string(s)
}

// Holding is the row that says: this set of e's family holds e.
func (s Set) Holding(e ipset.Entry) Member {
	return Member{Set: s.Name(e.Family()), Entry: e}
}
