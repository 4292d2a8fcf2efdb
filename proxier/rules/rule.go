package rules

import (
	"net/netip"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Program is all chains of one family. Of two that stand at the same hook of
// the same table the later one sees packets first.
type Program struct {
	Family ipset.Family
	Chains []Chain
}

// Table is one of netfilter's, in iptables' spelling.
type Table string

// Hook is a place on a packet's way, in iptables' spelling.
type Hook string

// The tables in use.
const (
	Mangle Table = "mangle"
	NAT    Table = "nat"
	Filter Table = "filter"
)

// The hooks in use.
const (
	Prerouting  Hook = "PREROUTING"
	Input       Hook = "INPUT"
	Forward     Hook = "FORWARD"
	Output      Hook = "OUTPUT"
	Postrouting Hook = "POSTROUTING"
)

// Chain is a list of rules. A packet at one of the hooks goes through it if all
// of When match.
type Chain struct {
	Table Table
	Name  string // in the kernel, KIPVS-MARK
	Hooks []Hook
	When  []Match
	Rules []Rule
}

// Rule does Then to packets that all of If match.
type Rule struct {
	If   []Match
	Then Action
}

// Match is a question about a packet. There are no others than those of this
// package.
type Match interface {
	text(ipset.Family) string // in the words of iptables-save
	holds(*journey) bool
}

// Destination matches by set: what a packet is sent to is a member, its address
// or its address and port as the set's type has it, and its source too where
// the type has that.
type Destination struct {
	In  state.Set
	Not bool
}

// Source matches by set: the packet's source is a member.
type Source struct {
	In  state.Set
	Not bool
}

// From matches packets whose source lies in the network.
type From struct {
	Net netip.Prefix
	Not bool
}

// Interface matches packets that come in by the interface of this name; a + at
// its end stands for any rest. Those of the node's own processes do not.
type Interface struct {
	Name string
	Not  bool
}

// Local matches packets of which one end is an address of this node, our device
// included.
type Local struct {
	End End
	Not bool
}

// End is one of the two addresses of a packet.
type End string

// The two, in iptables' spelling.
const (
	Src End = "src"
	Dst End = "dst"
)

// State matches by what conntrack says of the packet's connection.
type State struct {
	Is  ConnState
	Not bool
}

// ConnState is one or more states, in iptables' spelling.
type ConnState string

// The states in use.
const (
	New         ConnState = "NEW"
	Established ConnState = "RELATED,ESTABLISHED"
	Translated  ConnState = "DNAT" // the destination has been changed by a rule
)

// Reply matches packets that go the other way than the first of their
// connection.
type Reply struct{}

// Ping matches requests for an echo.
type Ping struct{}

// Marked matches packets whose mark has the bit.
type Marked struct {
	Bit uint32
	Not bool
}

// Action is what a rule does. There are no others than those of this package.
type Action interface {
	text(ipset.Family) string // in the words of iptables-save
	do(*journey) (flow, Outcome)
}

// Drop ends a packet's way: the sender hears nothing.
type Drop struct{}

// Reject ends a packet's way: the sender is told that the port is unreachable.
type Reject struct{}

// Return ends a packet's way through the chain; the next one of the hook follows.
type Return struct{}

// Accept ends a packet's way through the table at this hook.
type Accept struct{}

// SetWholeMark sets all bits of the packet's mark; the next rule follows.
type SetWholeMark struct{ Mark uint32 }

// SetMark sets one bit of the packet's mark; the next rule follows.
type SetMark struct{ Bit uint32 }

// ClearMark clears one bit of the packet's mark; the next rule follows.
type ClearMark struct{ Bit uint32 }

// Masquerade gives the connection an address of the node as its source, and
// ends the way through the nat table.
type Masquerade struct {
	RandomPort bool // the port is chosen at random, not kept where it is free
}

// NetMap replaces the top bits of the destination by those of the network, and
// ends the way through the nat table.
type NetMap struct{ To netip.Prefix }
