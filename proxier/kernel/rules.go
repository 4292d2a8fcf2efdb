package kernel

import (
	"fmt"
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// chain is one of our iptables chains with its rules, in the words of
// iptables-save, and the jumps that lead into it.
type chain struct {
	table string
	name  string
	from  []string // the built-in chains that jump here
	when  string   // match of the jumps; empty: always
	rules []string
}

// program is the whole of our iptables rules for one family. It is the same
// for no Service and for ten thousand: all that differs between them is in
// sets.
//
// Traffic to a Service address enters INPUT, where IPVS takes it at priority
// 98, after the filter table. Translated, it passes OUTPUT and POSTROUTING and
// never FORWARD; the answers of real servers do.
func program(f ipset.Family, cfg Config) []chain {
	prefix, set := state.Prefix4, func(s state.Set) string { return "-m set --match-set " + s.Name(f) }
	loopback, reject, ping := "127.0.0.0/8", "icmp-port-unreachable", "-p icmp -m icmp --icmp-type 8"
	if f == ipset.IPv6 {
		prefix = state.Prefix6
		loopback, reject, ping = "::1/128", "icmp6-port-unreachable", "-p ipv6-icmp -m icmp6 --icmpv6-type 128"
	}
	bit := fmt.Sprintf("%#x", cfg.MasqueradeMark)
	mark, marked := fmt.Sprintf("-j MARK --set-xmark %s/%s", bit, bit), fmt.Sprintf("--mark %s/%s", bit, bit)

	onlyNew := "-m conntrack --ctstate NEW " + set(state.Addresses) + " dst"

	marks := []string{
		"-s " + loopback + " -j RETURN",
		// A process of the node itself: the kernel has chosen the Service
		// address, which is local, as the source. No answer would come back.
		set(state.Addresses) + " src " + mark,
	}
	marks = append(marks, clusterMarks(f, cfg, set(state.ClusterPorts)+" dst,dst "+mark)...)
	marks = append(marks,
		set(state.Masquerade)+" dst,dst "+mark,
		// Ends the nat table here, before rules of others (CNI port mapping)
		// that match any local destination by port.
		set(state.ServicePorts)+" dst,dst -j ACCEPT",
	)
	return []chain{
		{table: "nat", name: prefix + "MARK", from: []string{"PREROUTING", "OUTPUT"}, rules: marks},
		{table: "nat", name: prefix + "MASQUERADE", from: []string{"POSTROUTING"}, rules: []string{
			set(state.Hairpin) + " dst,dst,src -j MASQUERADE",
			"-m mark ! " + marked + " -j RETURN",
			// Cleared, so that a packet that leaves through a tunnel is not
			// masqueraded a second time.
			"-j MARK --set-xmark " + bit + "/0x0",
			"-j MASQUERADE --random-fully",
		}},
		// Only what opens a connection to one of our addresses is looked at;
		// what is no Service port is refused, so that ports of the host are
		// not reachable through a Service address.
		{table: "filter", name: prefix + "FILTER", from: []string{"INPUT"}, when: onlyNew, rules: []string{
			set(state.ServicePorts) + " dst,dst -j RETURN",
			ping + " -j RETURN",
			"-j REJECT --reject-with " + reject,
		}},
		{table: "filter", name: prefix + "FORWARD", from: []string{"FORWARD"}, rules: []string{
			"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
			"-m mark " + marked + " -j ACCEPT",
		}},
		// The daemon itself listens on health ports, so a host that refuses by
		// default would refuse load balancers.
		{table: "filter", name: prefix + "HEALTH", from: []string{"INPUT"}, rules: []string{
			set(state.HealthPorts) + " dst,dst -j ACCEPT",
		}},
	}
}

// clusterMarks says which clients of cluster addresses are masqueraded: all,
// those that are no Pods, or, when Pods cannot be told from others, none.
func clusterMarks(f ipset.Family, cfg Config, mark string) []string {
	if cfg.MasqueradeAll {
		return []string{mark}
	}
	pods, known := podCIDR(f, cfg.PodCIDRs)
	if !known {
		return nil
	}
	return []string{"! -s " + pods.String() + " " + mark}
}

// podCIDR is the first of the family, as in kube-proxy.
func podCIDR(f ipset.Family, cidrs []netip.Prefix) (netip.Prefix, bool) {
	for _, p := range cidrs {
		if ipset.FamilyOf(p.Addr()) == f {
			return p.Masked(), true
		}
	}
	return netip.Prefix{}, false
}
