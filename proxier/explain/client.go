package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Client is where a packet comes from. The zero Client is none in particular.
type Client struct {
	Addr      netip.Addr
	Node      bool   // a process of the node that leaves its address to the kernel
	Interface string // by which its packets come in, where Pods are told by that
}

// nodeItself is the word for a process of the node.
const nodeItself = "node"

// ParseClient reads an IP address, or "node".
func ParseClient(text string) (Client, error) {
	if text == nodeItself {
		return Client{Node: true}, nil
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return Client{}, fmt.Errorf("%q is neither an IP address nor %s", text, nodeItself)
	}
	return Client{Addr: addr.Unmap()}, nil
}

func (c Client) given() bool { return c != Client{} }

// String is as it was given.
func (c Client) String() string {
	if c.Node {
		return nodeItself
	}
	return c.Addr.String()
}

// asks tells whether the client can ask for an address of this family.
func (c Client) asks(addr netip.Addr) bool { return c.Node || c.Addr.Is4() == addr.Is4() }

// walk follows the client's first packet.
func (c Client) walk(m snapshot.Machine, d snapshot.Daemon, to state.VirtualServer) rules.Verdict {
	packet := rules.Packet{
		Protocol: to.Protocol, Source: c.Addr, Destination: to.Addr, Interface: c.Interface,
		FromNode: c.Node || slices.Contains(m.Nodes, c.Addr),
	}
	program := rules.For(ipset.FamilyOf(to.Addr.Addr()), *d.Rules)
	return rules.Walk(program, rules.Node{Rows: m.Rows, Addresses: m.Nodes}, packet)
}

// reachesEndpoints tells whether an endpoint behind a virtual server gets the packet,
// whichever real server it is sent to.
func reachesEndpoints(v rules.Verdict) bool {
	return v.Outcome == rules.Balanced && !slices.ContainsFunc(v.Servers, func(s rules.Verdict) bool {
		return s.Outcome != rules.Routed && s.Outcome != rules.Delivered
	})
}

// describe says which rules concern the client's packets, and what becomes of them.
func (c Client) describe(v rules.Verdict, style Style) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  from %s\n", c)
	var steps table
	for _, s := range v.Steps {
		steps.row("    "+string(s.Hook), s.Name(), s.Text())
	}
	b.WriteString(steps.String())
	if v.Outcome != rules.Balanced {
		b.WriteString("    " + style.in(Error, ending(v)) + "\n")
		return b.String()
	}
	for _, s := range v.Servers {
		switch s.Outcome {
		case rules.Routed, rules.Delivered:
			b.WriteString("    " + style.in(Fine, "reaches "+s.Packet.Destination.String()) + ", which sees " + c.seen(s) + "\n")
		default:
			b.WriteString("    " + style.in(Error, ending(s)) + " on the way to " + s.Packet.Destination.String() + "\n")
		}
	}
	return b.String()
}

// seen is the client as a real server sees it.
func (c Client) seen(v rules.Verdict) string {
	if v.Masqueraded {
		return "an address of the node"
	}
	return v.Packet.Source.String()
}

// ending says what becomes of a packet that no real server gets.
func ending(v rules.Verdict) string {
	by := v.Decided()
	switch v.Outcome {
	case rules.Dropped:
		return fmt.Sprintf("dropped by %s: there is no answer", by)
	case rules.Refused:
		return fmt.Sprintf("refused by %s", by)
	case rules.Delivered:
		return "not balanced: it is for whatever listens on the node itself"
	}
	return "not balanced: it leaves the node as any other packet does"
}
