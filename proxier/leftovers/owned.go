package leftovers

import (
	"regexp"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// mode is a way of kube-proxy to work.
type mode string

const (
	userspace mode = "userspace mode, until 1.25"
	iptables  mode = "iptables mode, since 1.1"
	ipvs      mode = "ipvs mode, since 1.8"
	early     mode = "ipvs mode, 1.8 to 1.10"
	older     mode = "ipvs mode, 1.10 to 1.2x"
	design    mode = "kpng, and designs of ipvs mode"
	both      mode = "iptables mode since 1.1, ipvs mode since 1.8"
	withNode  mode = "iptables and ipvs mode; the kubelet too, until 1.27"
)

// kubeProxyChains are those with a constant name. In the filter table
// KUBE-FIREWALL is the kubelet's, so is KUBE-MARK-DROP in nat.
var kubeProxyChains = map[xtables.Place]mode{
	{Table: "nat", Chain: "KUBE-SERVICES"}:      both,
	{Table: "nat", Chain: "KUBE-NODEPORTS"}:     iptables,
	{Table: "nat", Chain: "KUBE-POSTROUTING"}:   withNode,
	{Table: "nat", Chain: "KUBE-MARK-MASQ"}:     withNode,
	{Table: "nat", Chain: "KUBE-PROXY-CANARY"}:  iptables,
	{Table: "nat", Chain: "KUBE-LOAD-BALANCER"}: ipvs,
	{Table: "nat", Chain: "KUBE-NODE-PORT"}:     ipvs,
	{Table: "nat", Chain: "KUBE-FIREWALL"}:      older,
	{Table: "nat", Chain: "KUBE-FIRE-WALL"}:     early,
	{Table: "nat", Chain: "KUBE-SVC-IPSETS"}:    early,

	{Table: "nat", Chain: "KUBE-PORTALS-CONTAINER"}:     userspace,
	{Table: "nat", Chain: "KUBE-PORTALS-HOST"}:          userspace,
	{Table: "nat", Chain: "KUBE-NODEPORT-CONTAINER"}:    userspace,
	{Table: "nat", Chain: "KUBE-NODEPORT-HOST"}:         userspace,
	{Table: "filter", Chain: "KUBE-NODEPORT-NON-LOCAL"}: userspace,

	{Table: "filter", Chain: "KUBE-SERVICES"}:               iptables,
	{Table: "filter", Chain: "KUBE-EXTERNAL-SERVICES"}:      iptables,
	{Table: "filter", Chain: "KUBE-NODEPORTS"}:              iptables,
	{Table: "filter", Chain: "KUBE-FORWARD"}:                both,
	{Table: "filter", Chain: "KUBE-PROXY-FIREWALL"}:         both,
	{Table: "filter", Chain: "KUBE-PROXY-CANARY"}:           iptables,
	{Table: "filter", Chain: "KUBE-NODE-PORT"}:              ipvs,
	{Table: "filter", Chain: "KUBE-SOURCE-RANGES-FIREWALL"}: ipvs,
	{Table: "filter", Chain: "KUBE-IPVS-FILTER"}:            ipvs,
	{Table: "filter", Chain: "KUBE-IPVS-OUT-FILTER"}:        ipvs,

	{Table: "mangle", Chain: "KUBE-PROXY-CANARY"}: iptables,
}

// perService are the chains of iptables mode for one Service or endpoint, all
// in the nat table: SVC, SEP and FW since 1.2, XLB until 1.23, SVL and EXT
// since 1.24. The last 16 characters are a hash in base32.
var perService = regexp.MustCompile(`^KUBE-(SVC|SEP|FW|XLB|SVL|EXT)-[A-Z2-7]{16}$`)

// kubeProxySets are those of ipvs mode, by their IPv4 names.
var kubeProxySets = map[string]mode{
	"KUBE-LOOP-BACK":                 ipvs,
	"KUBE-CLUSTER-IP":                ipvs,
	"KUBE-EXTERNAL-IP":               ipvs,
	"KUBE-EXTERNAL-IP-LOCAL":         ipvs,
	"KUBE-LOAD-BALANCER":             ipvs,
	"KUBE-LOAD-BALANCER-LOCAL":       ipvs,
	"KUBE-LOAD-BALANCER-FW":          ipvs,
	"KUBE-LOAD-BALANCER-SOURCE-CIDR": ipvs,
	"KUBE-LOAD-BALANCER-SOURCE-IP":   ipvs,
	"KUBE-NODE-PORT-TCP":             ipvs,
	"KUBE-NODE-PORT-LOCAL-TCP":       ipvs,
	"KUBE-NODE-PORT-UDP":             ipvs,
	"KUBE-NODE-PORT-LOCAL-UDP":       ipvs,
	"KUBE-NODE-PORT-SCTP-HASH":       ipvs,
	"KUBE-NODE-PORT-LOCAL-SCTP-HASH": ipvs,
	"KUBE-HEALTH-CHECK-NODE-PORT":    ipvs,
	"KUBE-IPVS-IPS":                  ipvs,
	"KUBE-NODE-PORT-SCTP":            older,
	"KUBE-NODE-PORT-LOCAL-SCTP":      older,
	"KUBE-LOAD-BALANCER-MASQ":        early,
	"KUBE-MASQ-ALL":                  early,
	"KUBE-CLUSTER-CIDR":              early,
	"KUBE-SERVICE-ACCESS":            early,
	"KUBE-LOAD-BALANCER-SRC-CIDR":    design,
}

// nodePortSets have the ports that kube-proxy's virtual servers on node
// addresses listen on, by protocol. All other sets with ports say which of
// these are special.
var nodePortSets = map[string]state.Protocol{
	"KUBE-NODE-PORT-TCP":       state.TCP,
	"KUBE-NODE-PORT-UDP":       state.UDP,
	"KUBE-NODE-PORT-SCTP-HASH": state.SCTP,
	"KUBE-NODE-PORT-SCTP":      state.SCTP,
}

// kubeProxyAccounts are counters of nfacct, made by iptables mode since 1.29
// and never deleted by it.
var kubeProxyAccounts = map[string]bool{
	"ct_state_invalid_dropped_pkts": true,
	"localhost_nps_accepted_pkts":   true,
}

// kubeProxyTables are those of nftables mode, since 1.29.
var kubeProxyTables = map[string]bool{"ip kube-proxy": true, "ip6 kube-proxy": true}

// ourTables are those that --rules=nftables makes.
var ourTables = map[string]bool{"ip " + state.Table: true, "ip6 " + state.Table: true}

// longestSet is how long the name of a set may be.
const longestSet = 31

// oldName is the IPv4 name of what may be the IPv6 twin of one of kube-proxy's
// sets: KUBE-6- in place of KUBE-, cut where it became too long.
func oldName(set string) (name string, known bool) {
	if _, known = kubeProxySets[set]; known {
		return set, true
	}
	if rest, twin := strings.CutPrefix(set, "KUBE-6-"); twin {
		for name := range kubeProxySets {
			long := strings.TrimPrefix(name, "KUBE-")
			if long[:min(len(long), longestSet-len("KUBE-6-"))] == rest {
				return name, true
			}
		}
	}
	return "", false
}

// NodePortsIn tells whether the members of a set are ports that virtual servers
// of kube-proxy listen on, and of which protocol.
func NodePortsIn(set string) (state.Protocol, bool) {
	name, known := oldName(set)
	protocol, ports := nodePortSets[name]
	return protocol, known && ports
}

// shared are the chains that other programs may jump to: the port mapping of CNI
// can be told to mark with it (externalSetMarkChain). Where a rule of theirs does,
// the chain keeps its rule.
var shared = map[xtables.Place]bool{{Table: "nat", Chain: "KUBE-MARK-MASQ"}: true}

func kubeProxyChain(p xtables.Place) bool {
	_, known := kubeProxyChains[p]
	return known || p.Table == "nat" && perService.MatchString(p.Chain)
}

func kubeProxySet(name string) bool { _, known := oldName(name); return known }

// OurChain tells whether a chain of iptables bears the name of one of ours.
func OurChain(p xtables.Place) bool { return ourName(p.Chain) }

func ourName(name string) bool {
	return strings.HasPrefix(name, state.Prefix4) || strings.HasPrefix(name, state.Prefix6)
}
