package rules

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Packet is the first one of a connection.
type Packet struct {
	Protocol    state.Protocol // of the three of IPVS, or ICMP or ICMPv6: a ping
	Source      netip.Addr     // of the node's own, if it is not valid: as the kernel chooses
	Destination netip.AddrPort
	Interface   string // by which it comes in
	FromNode    bool   // it does not come in: a process of the node sends it
}

// The protocols of pings.
const (
	ICMP   state.Protocol = 1
	ICMPv6 state.Protocol = 58
)

// Node is what a packet meets beside the rules.
type Node struct {
	Rows      state.Rows   // members of sets, virtual servers, real servers, addresses of our device
	Addresses []netip.Addr // those of other interfaces
}

// Walk says what becomes of a packet. It goes from hook to hook as in the kernel:
//
//   - what comes in passes PREROUTING and, if it is for an address of the node,
//     INPUT, where IPVS takes it after the filter table; else FORWARD and
//     POSTROUTING;
//   - what the node sends passes OUTPUT, where IPVS takes it after the nat table
//     and before the filter table, and POSTROUTING; if it is for the node itself
//     it then comes in at INPUT;
//   - what IPVS has taken passes OUTPUT and POSTROUTING with the address of a
//     real server. If that is the node's own and the packet came in, it passes
//     no further hook.
//
// Each half of the nat table is asked once for a connection. Rules of others are
// not known here.
func Walk(p Program, n Node, packet Packet) Verdict {
	j := &journey{program: p, node: n, packet: packet}
	if packet.FromNode {
		j.chooseSource()
		return j.send()
	}
	return j.receive()
}

// journey is a packet on its way.
type journey struct {
	program     Program
	node        Node
	packet      Packet
	mark        uint32
	translated  bool // by a rule, not by IPVS
	masqueraded bool
	placed      bool // the nat table has been asked for its destination
	balanced    bool // by IPVS
	steps       []Step
}

// chooseSource is the kernel's choice where a process leaves it open: for an
// address of the node that address, else one of the node's own.
func (j *journey) chooseSource() {
	if j.packet.Source.IsValid() {
		return
	}
	to := j.packet.Destination.Addr()
	if j.node.has(to) {
		j.packet.Source = to
		return
	}
	for _, a := range j.node.Addresses {
		if a.Is4() == to.Is4() {
			j.packet.Source = a
			return
		}
	}
}

// receive is what happens to a packet that comes in.
func (j *journey) receive() Verdict {
	if v, over := j.through(Prerouting, Mangle, NAT); over {
		return v
	}
	if j.node.has(j.packet.Destination.Addr()) {
		return j.enter()
	}
	if v, over := j.through(Forward, Mangle, Filter); over {
		return v
	}
	return j.leave()
}

// enter is what happens to a packet for an address of the node.
func (j *journey) enter() Verdict {
	if v, over := j.through(Input, Mangle, Filter); over {
		return v
	}
	if v, taken := j.balance(Input, (*journey).receiveBalanced); taken {
		return v
	}
	return j.ends(Delivered)
}

// receiveBalanced goes on at INPUT with the address of a real server.
func (j *journey) receiveBalanced() Verdict {
	if j.node.has(j.packet.Destination.Addr()) {
		return j.ends(Delivered)
	}
	return j.send()
}

// send is what happens to a packet that starts from the node, or starts again
// with the address of a real server.
func (j *journey) send() Verdict {
	if v, over := j.through(Output, Mangle, NAT); over {
		return v
	}
	if v, taken := j.balance(Output, (*journey).sendBalanced); taken {
		return v
	}
	return j.sendOn()
}

// sendBalanced goes on at OUTPUT with the address of a real server: from the
// beginning, or, to the node itself, where it was.
func (j *journey) sendBalanced() Verdict {
	if j.node.has(j.packet.Destination.Addr()) {
		return j.sendOn()
	}
	return j.send()
}

func (j *journey) sendOn() Verdict {
	if v, over := j.through(Output, Filter); over {
		return v
	}
	return j.leave()
}

// leave is the last that happens to a packet that goes out, be it to the node
// itself, where it comes in again.
func (j *journey) leave() Verdict {
	if v, over := j.through(Postrouting, Mangle, NAT); over {
		return v
	}
	if j.node.has(j.packet.Destination.Addr()) {
		return j.enter()
	}
	return j.ends(Routed)
}

// balance lets IPVS take the packet, if it has a virtual server for it. To each
// real server that takes connections the packet goes on in its own way.
func (j *journey) balance(at Hook, on func(*journey) Verdict) (v Verdict, taken bool) {
	server := state.VirtualServer{Addr: j.packet.Destination, Protocol: j.packet.Protocol}
	if _, there := j.node.Rows.VirtualServers[server]; !there || j.balanced {
		return Verdict{}, false
	}
	j.steps = append(j.steps, Step{Family: j.program.Family, Hook: at, Server: server})
	v = j.ends(Refused)
	for _, rs := range slices.SortedFunc(maps.Keys(j.node.Rows.RealServers), state.RealServer.Compare) {
		if rs.VirtualServer != server || j.node.Rows.RealServers[rs] == 0 {
			continue
		}
		next := *j
		next.steps, next.balanced = nil, true
		next.packet.Destination = rs.Addr
		v.Outcome, v.Servers = Balanced, append(v.Servers, on(&next))
	}
	return v, true
}

// through passes the tables of one hook.
func (j *journey) through(at Hook, tables ...Table) (v Verdict, over bool) {
	for _, table := range tables {
		if table == NAT && at != Postrouting {
			if j.placed {
				continue
			}
			j.placed = true
		}
		if outcome := j.pass(table, at); outcome != "" {
			return j.ends(outcome), true
		}
	}
	return Verdict{}, false
}

// pass goes through the chains of one table at one hook.
func (j *journey) pass(table Table, at Hook) Outcome {
	for _, c := range slices.Backward(j.program.Chains) {
		if c.Table != table || !slices.Contains(c.Hooks, at) || !j.all(c.When) {
			continue
		}
		switch then, outcome := j.chain(c, at); then {
		case endTable:
			return outcome
		case nextRule, endChain: // the next chain of this hook
		}
	}
	return ""
}

func (j *journey) chain(c Chain, at Hook) (then flow, outcome Outcome) {
	for i, r := range c.Rules {
		if !j.all(r.If) {
			continue
		}
		j.steps = append(j.steps, Step{Family: j.program.Family, Hook: at, Chain: c, Number: i + 1})
		if then, outcome = r.Then.do(j); then != nextRule {
			return then, outcome
		}
	}
	return endChain, ""
}

func (j *journey) all(matches []Match) bool {
	return !slices.ContainsFunc(matches, func(m Match) bool { return !m.holds(j) })
}

func (j *journey) ends(o Outcome) Verdict {
	return Verdict{
		Outcome: o, Steps: j.steps, Packet: j.packet, Mark: j.mark, Translated: j.translated, Masqueraded: j.masqueraded,
	}
}

// has tells whether a is an address of the node.
func (n Node) has(a netip.Addr) bool {
	_, bound := n.Rows.Addresses[a]
	return bound || a.IsLoopback() || slices.Contains(n.Addresses, a)
}

// holds tells whether the set has the entry.
func (n Node) holds(s state.Set, e ipset.Entry) bool {
	_, there := n.Rows.Members[s.Holding(e)]
	return there
}

// within tells whether a network that addr lies in fulfils this.
func within(addr netip.Addr, has func(netip.Prefix) bool) bool {
	for bits := range addr.BitLen() {
		if net, _ := addr.Prefix(bits + 1); has(net) {
			return true
		}
	}
	return false
}
