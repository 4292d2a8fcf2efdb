package kernel

import (
	"fmt"

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

// words are what the rules of one family are made of.
type words struct {
	family                          ipset.Family
	prefix                          string
	loopback, shadows, reject, ping string
	bit, mark, marked               string
	pods, others                    string // matches of Pods and of all others; empty: they cannot be told
}

func wordsOf(f ipset.Family, cfg Config) words {
	w := words{
		family: f, prefix: state.Prefix4, loopback: "127.0.0.0/8", shadows: state.Shadow4.String(),
		reject: "-j REJECT --reject-with icmp-port-unreachable", ping: "-p icmp -m icmp --icmp-type 8",
	}
	if f == ipset.IPv6 {
		w = words{
			family: f, prefix: state.Prefix6, loopback: "::1/128", shadows: state.Shadow6.String(),
			reject: "-j REJECT --reject-with icmp6-port-unreachable", ping: "-p ipv6-icmp -m icmp6 --icmpv6-type 128",
		}
	}
	w.bit = fmt.Sprintf("%#x", cfg.MasqueradeMark)
	w.mark = fmt.Sprintf("-j MARK --set-xmark %s/%s", w.bit, w.bit)
	w.marked = fmt.Sprintf("--mark %s/%s", w.bit, w.bit)
	w.pods, w.others = cfg.Pods.match(f)
	return w
}

// in is the match of packets to an address, or address and port, that is in
// the set; notIn of all others.
func (w words) in(s state.Set) string    { return "-m set --match-set " + w.looking(s) }
func (w words) notIn(s state.Set) string { return "-m set ! --match-set " + w.looking(s) }

// looking is the set's name and which parts of a packet it is about.
func (w words) looking(s state.Set) string {
	parts := map[ipset.Type]string{
		ipset.HashIP: "dst", ipset.HashNet: "dst", ipset.HashIPPort: "dst,dst",
		ipset.HashIPPortIP: "dst,dst,src", ipset.HashIPPortNet: "dst,dst,src",
	}
	return s.Name(w.family) + " " + parts[s.Type()]
}

const (
	onlyNew     = "-m conntrack --ctstate NEW"
	onlyAnswers = "-m conntrack --ctdir REPLY"
)

// answers is the deed with what is an answer to a process of the node and comes
// to a port of a Service. The whole mark has to be as IPVS knows it.
var answers = fmt.Sprintf(" -j MARK --set-xmark %#x/0xffffffff", answersMark)

// program is the whole of our iptables rules for one family. It is the same
// for no Service and for ten thousand: all that differs between them is in
// sets.
//
// Traffic to a Service address enters INPUT, where IPVS takes it at priority
// 98, after the filter table. Translated, it passes OUTPUT and POSTROUTING and
// never FORWARD; the answers of real servers do. Of the node's own processes
// IPVS takes it in OUTPUT, after the nat table and before the filter table.
func program(f ipset.Family, cfg Config) []chain {
	w := wordsOf(f, cfg)
	// Who may not come in at all.
	shutOut := w.in(state.Restricted) + " " + w.notIn(state.Allowed) + " -j DROP"
	return []chain{
		{table: "mangle", name: w.prefix + "OUTPUT", from: []string{"OUTPUT"}, when: onlyNew, rules: []string{
			shutOut,
			w.notIn(state.Inside) + " " + w.in(state.Drop) + " -j DROP",
		}},
		// Also answers that a process of the node waits for.
		{table: "mangle", name: w.prefix + "ANSWERS", from: []string{"INPUT", "OUTPUT"}, when: onlyAnswers, rules: []string{
			w.in(state.ServicePorts) + answers,
			w.in(state.NodePorts) + answers,
		}},
		{table: "nat", name: w.prefix + "MARK", from: []string{"PREROUTING", "OUTPUT"}, rules: w.marks(cfg)},
		{table: "nat", name: w.prefix + "MASQUERADE", from: []string{"POSTROUTING"}, rules: []string{
			w.in(state.Hairpin) + " -j MASQUERADE",
			"-m mark ! " + w.marked + " -j RETURN",
			// Cleared, so that a packet that leaves through a tunnel is not
			// masqueraded a second time.
			"-j MARK --set-xmark " + w.bit + "/0x0",
			"-j MASQUERADE --random-fully",
		}},
		// Only what opens a connection is looked at. What is addressed to us
		// and no Service port is refused, so that ports of the host are not
		// reachable through a Service address.
		{table: "filter", name: w.prefix + "FILTER", from: []string{"INPUT"}, when: onlyNew, rules: []string{
			w.in(state.Drop) + " -j DROP",
			shutOut,
			w.notIn(state.Addresses) + " -j RETURN",
			w.in(state.Shadows) + " -m conntrack ! --ctstate DNAT -j DROP",
			w.in(state.ServicePorts) + " -j RETURN",
			w.ping + " -j RETURN",
			w.reject,
		}},
		{table: "filter", name: w.prefix + "FORWARD", from: []string{"FORWARD"}, rules: []string{
			"-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
			"-m mark " + w.marked + " -j ACCEPT",
		}},
		// An address that is not in use is not local: it would be routed. One that
		// another program of the node has is that program's.
		{table: "filter", name: w.prefix + "UNUSED", from: []string{"FORWARD", "OUTPUT"}, when: onlyNew, rules: []string{
			w.in(state.Ranges) + " " + w.notIn(state.Addresses) + " -m addrtype ! --dst-type LOCAL " + w.reject,
		}},
		// The daemon itself listens on health ports, so a host that refuses by
		// default would refuse load balancers.
		{table: "filter", name: w.prefix + "HEALTH", from: []string{"INPUT"}, rules: []string{
			w.in(state.HealthPorts) + " -j ACCEPT",
		}},
	}
}

// marks says who is masqueraded, and leads those inside of the cluster to the
// shadows.
func (w words) marks(cfg Config) []string {
	rules := []string{
		"-s " + w.loopback + " -j RETURN",
		// A process of the node itself: the kernel has chosen the Service
		// address, which is local, as the source. No answer would come back.
		"-m set --match-set " + state.Addresses.Name(w.family) + " src " + w.mark,
	}
	const node = "-m addrtype --src-type LOCAL "
	toShadow := w.in(state.Inside) + " -j NETMAP --to " + w.shadows
	if w.pods != "" {
		rules = append(rules, w.pods+toShadow)
	}
	rules = append(rules, node+w.in(state.Inside)+" "+w.mark, node+toShadow)
	// Of clients of cluster addresses all are masqueraded, those that are no
	// Pods, or, when Pods cannot be told from others, none.
	toCluster := w.in(state.ClusterPorts) + " " + w.mark
	switch {
	case cfg.MasqueradeAll:
		rules = append(rules, toCluster)
	case w.others != "":
		rules = append(rules, w.others+toCluster)
	}
	return append(rules,
		w.in(state.Masquerade)+" "+w.mark,
		// Ends the nat table here, before rules of others that match by address
		// and port, kube-proxy's and those of CNI port mapping; but not before
		// the address is local and there is somebody to answer.
		w.in(state.ServicePorts)+" -m addrtype --dst-type LOCAL -j ACCEPT",
	)
}
