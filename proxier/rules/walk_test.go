package rules_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var byNetwork = rules.Config{Mark: 0x4000, Pods: rules.Pods{CIDRs: []netip.Prefix{
	netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56"),
}}}

// node has the addresses 192.0.2.1 and 2001:db8::1.
type node struct{ rules.Node }

func newNode() node {
	return node{rules.Node{Rows: state.NewRows(), Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}}}
}

// serves adds a virtual server with these real servers, and its members of sets.
func (n node) serves(at string, servers []string, sets ...state.Set) node {
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: state.TCP}
	n.Rows.VirtualServers[vs] = state.Balancing{Scheduler: "rr"}
	for _, s := range servers {
		n.Rows.RealServers[state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort(s)}] = 1
	}
	return n.has(at, sets...)
}

func (n node) has(at string, sets ...state.Set) node {
	addr := netip.MustParseAddrPort(at)
	for _, s := range sets {
		switch s {
		case state.Addresses:
			n.Rows.Addresses[addr.Addr()] = state.None{}
			n.Rows.Members[s.Holding(ipset.IP(addr.Addr()))] = state.None{}
		case state.Hairpin:
			n.Rows.Members[s.Holding(ipset.IPPortIP(addr, uint8(state.TCP), addr.Addr()))] = state.None{}
		default:
			n.Rows.Members[s.Holding(ipset.IPPort(addr, uint8(state.TCP)))] = state.None{}
		}
	}
	return n
}

func (n node) network(s state.Set, net string) node {
	n.Rows.Members[s.Holding(ipset.Net(netip.MustParsePrefix(net)))] = state.None{}
	return n
}

// told is "balanced by IPVS at INPUT: 10.244.1.1:8080 masqueraded".
func told(v rules.Verdict) string {
	text := string(v.Outcome)
	switch by := v.Decided(); {
	case by.Number > 0:
		text += " by " + by.Name()
	case by.Hook != "":
		text += " by " + by.String()
	}
	var servers []string
	for _, s := range v.Servers {
		one := s.Packet.Destination.String()
		if s.Masqueraded {
			one += " masqueraded"
		}
		if s.Outcome != rules.Routed {
			one += " " + told(s)
		}
		servers = append(servers, one)
	}
	if servers != nil {
		text += ": " + strings.Join(servers, ", ")
	}
	return text
}

var (
	bound = []state.Set{state.ServicePorts, state.Addresses}
	alias = []state.Set{state.ServicePorts, state.Addresses, state.AliasPorts}
)

func TestWalk(t *testing.T) {
	const pod, far, host = "10.244.1.1:8080", "10.244.2.1:8080", "192.0.2.1:8080"
	cluster := func() node {
		return newNode().serves("10.96.0.1:80", []string{pod, far}, append(bound, state.ClusterPorts)...).has(pod, state.Hairpin)
	}
	local := func() node {
		return newNode().serves("198.51.100.1:80", []string{pod}, append(bound, state.Aliased)...).
			serves("246.51.100.1:80", []string{pod, far}, alias...)
	}
	nodePort := func() node {
		return newNode().serves("192.0.2.1:30080", []string{pod}, state.NodePorts, state.Aliased).
			serves("240.0.2.1:30080", []string{pod, far}, alias...).network(state.LocalPods, "10.244.1.0/24")
	}
	onHost := func() node {
		return newNode().serves("198.51.100.1:80", []string{host}, append(bound, state.Masquerade)...)
	}
	draining := cluster()
	for rs := range draining.Rows.RealServers {
		draining.Rows.RealServers[rs] = 0
	}
	unbound := cluster()
	clear(unbound.Rows.Addresses)
	all, bridge, cali, listed := byNetwork, byNetwork, byNetwork, byNetwork
	all.MasqueradeAll = true
	bridge.Pods, cali.Pods, listed.Pods = rules.Pods{Interface: "cni0"}, rules.Pods{Interface: "cali+"}, rules.Pods{Listed: true}

	for _, c := range []struct {
		name   string
		node   node
		config rules.Config
		client string // with an interface; "node" alone: as the kernel chooses
		to     string
		want   string
	}{
		{"a Pod keeps its address", cluster(), byNetwork, "10.244.1.7", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"a Pod that reaches itself does not", cluster(), byNetwork, "10.244.1.1", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far},
		{"nor does any other client", cluster(), byNetwork, "203.0.113.9", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"nor any at all", cluster(), all, "10.244.1.7", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"the node itself is taken before the filter table", cluster(), byNetwork, "node", "10.96.0.1:80", "balanced by IPVS at OUTPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"a Pod by its bridge", cluster(), bridge, "203.0.113.9 cni0", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"a client by another", cluster(), bridge, "10.244.1.7 eth0", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"a Pod by a prefix of interfaces", cluster(), cali, "203.0.113.9 cali12", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"the node has no interface", cluster(), cali, "node", "10.96.0.1:80", "balanced by IPVS at OUTPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"a Pod by the networks of the node", cluster().network(state.LocalPods, "10.244.1.0/24"), listed, "10.244.1.7", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"a Pod of another node", cluster().network(state.LocalPods, "10.244.1.0/24"), listed, "10.244.2.7", "10.96.0.1:80", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"a port that the Service lacks", cluster(), byNetwork, "10.244.1.7", "10.96.0.1:81", "refused by KIPVS-FILTER rule 8"},
		{"all real servers drain", draining, byNetwork, "10.244.1.7", "10.96.0.1:80", "refused by IPVS at INPUT"},
		{"the address is not bound", unbound, byNetwork, "10.244.1.7", "10.96.0.1:80", "routed by KIPVS-MASQUERADE rule 2"},
		{"an unused address", newNode().network(state.Ranges, "10.96.0.0/16"), byNetwork, "10.244.1.7", "10.96.0.9:80", "refused by KIPVS-UNUSED rule 1"},
		{"an unused address, from the node", newNode().network(state.Ranges, "10.96.0.0/16"), byNetwork, "node", "10.96.0.9:80", "refused by KIPVS-UNUSED rule 1"},
		{"an unused address that another program has", newNode().network(state.Ranges, "192.0.0.0/16"), byNetwork, "node", "192.0.2.1:80", "delivered by KIPVS-FILTER rule 4"},
		{"from outside", local(), byNetwork, "203.0.113.9", "198.51.100.1:80", "balanced by IPVS at INPUT: " + pod},
		{"a Pod is sent to the alias", local(), byNetwork, "10.244.1.7", "198.51.100.1:80", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"so is the node", local(), byNetwork, "node", "198.51.100.1:80", "balanced by IPVS at OUTPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"another node's Pod asks a node port", nodePort(), byNetwork, "10.244.2.7", "192.0.2.1:30080", "balanced by IPVS at INPUT: " + pod + " masqueraded, " + far + " masqueraded"},
		{"this node's Pod asks it", nodePort(), byNetwork, "10.244.1.7", "192.0.2.1:30080", "balanced by IPVS at INPUT: " + pod + ", " + far},
		{"another node's Pod is no Pod by its interface", nodePort(), cali, "10.244.2.7 eth0", "192.0.2.1:30080", "balanced by IPVS at INPUT: " + pod},
		{"no client may ask for an alias", local(), byNetwork, "10.244.1.7", "246.51.100.1:80", "dropped by KIPVS-FILTER rule 5"},
		{"an endpoint on the host's network", onHost(), byNetwork, "203.0.113.9", "198.51.100.1:80", "balanced by IPVS at INPUT: " + host + " delivered"},
		{"the host asks its own endpoint", onHost(), byNetwork, "node", "198.51.100.1:80", "balanced by IPVS at OUTPUT: " + host + " masqueraded delivered by KIPVS-FILTER rule 4"},
		{"the host's own ports", newNode(), byNetwork, "203.0.113.9", "192.0.2.1:22", "delivered by KIPVS-FILTER rule 4"},
		{"a health port", newNode().has("192.0.2.1:32000", state.HealthPorts), byNetwork, "203.0.113.9", "192.0.2.1:32000", "delivered by KIPVS-HEALTH rule 1"},
		{"past this node", newNode(), byNetwork, "10.244.1.7", "203.0.113.9:80", "routed by KIPVS-MASQUERADE rule 2"},
		{"IPv6", newNode().serves("[fd00::1]:80", []string{"[fd00:10:244:1::1]:8080"}, append(bound, state.Aliased)...).serves("[fdff::1]:80", []string{"[fd00:10:244:2::1]:8080"}, alias...), byNetwork, "fd00:10:244:1::7", "[fd00::1]:80", "balanced by IPVS at INPUT: [fd00:10:244:2::1]:8080"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := rules.Packet{Protocol: state.TCP, Destination: netip.MustParseAddrPort(c.to)}
			if words := strings.Fields(c.client); words[0] == "node" {
				p.FromNode = true
			} else {
				p.Source = netip.MustParseAddr(words[0])
				p.Interface = strings.Join(words[1:], "")
			}
			v := rules.Walk(rules.For(ipset.FamilyOf(p.Destination.Addr()), c.config), c.node.Node, p)
			if got := told(v); got != c.want {
				t.Errorf("%s, want %s; %v", got, c.want, v.Steps)
			}
		})
	}
}

// A ping is no Service's, and answered at every address of ours.
func TestPing(t *testing.T) {
	n := newNode().serves("10.96.0.1:80", nil, bound...).serves("[fd00::1]:80", nil, bound...)
	for to, protocol := range map[string]state.Protocol{"10.96.0.1:0": rules.ICMP, "[fd00::1]:0": rules.ICMPv6} {
		p := rules.Packet{Protocol: protocol, Source: netip.MustParseAddr("2001:db8::9"), Destination: netip.MustParseAddrPort(to)}
		if p.Destination.Addr().Is4() {
			p.Source = netip.MustParseAddr("203.0.113.9")
		}
		v := rules.Walk(rules.For(ipset.FamilyOf(p.Destination.Addr()), byNetwork), n.Node, p)
		if want := "FILTER rule 7"; v.Outcome != rules.Delivered || !strings.HasSuffix(v.Decided().Name(), want) {
			t.Errorf("%s: %s, want it delivered by %s", to, told(v), want)
		}
	}
}

// What a rule's NETMAP makes of an address is the alias that is planned for it.
func TestTheAliasOfRulesIsThatOfPlans(t *testing.T) {
	for _, ranges := range [][]netip.Prefix{nil, {netip.MustParsePrefix("100.96.0.0/11"), netip.MustParsePrefix("fd00:a11a::/33")}} {
		aliased(t, ranges)
	}
}

// aliased compares the two where aliases lie in these ranges.
func aliased(t *testing.T, ranges []netip.Prefix) {
	cfg := byNetwork
	cfg.AliasRanges = ranges
	for _, at := range []string{"198.51.100.1:80", "10.0.0.1:80", "192.168.7.255:80", "[2001:db8:51::1]:80", "[fd00:10:96::1]:80"} {
		vs := state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: state.TCP}
		want, ok := state.AliasesIn(ranges).Of(vs)
		n := newNode().serves(at, nil, append(bound, state.Aliased)...)
		v := rules.Walk(rules.For(ipset.FamilyOf(vs.Addr.Addr()), cfg), n.Node,
			rules.Packet{Protocol: state.TCP, Destination: vs.Addr, FromNode: true})
		if !ok || !v.Translated || v.Packet.Destination != want.Addr {
			t.Errorf("%s becomes %s, want %s", at, v.Packet.Destination, want.Addr)
		}
	}
}

// The steps of a verdict name each rule that matched, in order, and the text of
// a rule is what iptables-save shows.
func TestSteps(t *testing.T) {
	n := newNode().serves("198.51.100.1:80", nil, append(bound, state.Masquerade)...)
	v := rules.Walk(rules.For(ipset.IPv4, byNetwork), n.Node, rules.Packet{
		Protocol: state.TCP, Source: netip.MustParseAddr("203.0.113.9"), Destination: netip.MustParseAddrPort("198.51.100.1:80"),
	})
	var got []string
	for _, s := range v.Steps {
		got = append(got, fmt.Sprintf("%s %s: %s", s.Hook, s.Name(), s.Text()))
	}
	want := []string{
		"PREROUTING KIPVS-MARK rule 8: -m set --match-set KIPVS-MASQUERADE dst,dst -j MARK --set-xmark 0x4000/0x4000",
		"PREROUTING KIPVS-MARK rule 9: -m set --match-set KIPVS-SERVICES dst,dst -m addrtype --dst-type LOCAL -j ACCEPT",
		"INPUT KIPVS-FILTER rule 6: -m set --match-set KIPVS-SERVICES dst,dst -j RETURN",
		"INPUT IPVS: virtual server 198.51.100.1:80/TCP",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || v.Mark != 0x4000 {
		t.Errorf("mark %#x,\n%s\nwant\n%s", v.Mark, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
