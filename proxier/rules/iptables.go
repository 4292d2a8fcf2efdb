package rules

import (
	"fmt"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Text is the rule in the words of iptables-save, without its chain.
func (r Rule) Text(f ipset.Family) string {
	return texts(r.If, f) + r.Then.text(f)
}

// Jump is the rule that leads from each of the hooks into the chain.
func (c Chain) Jump(f ipset.Family) string {
	return texts(c.When, f) + "-j " + c.Name
}

func texts(matches []Match, f ipset.Family) string {
	var b strings.Builder
	for _, m := range matches {
		b.WriteString(m.text(f) + " ")
	}
	return b.String()
}

func not(n bool) string {
	if n {
		return "! "
	}
	return ""
}

// parts are those of a packet that a set is asked about.
var parts = map[ipset.Type]string{
	ipset.HashIP: "dst", ipset.HashNet: "dst", ipset.HashIPPort: "dst,dst",
	ipset.HashIPPortIP: "dst,dst,src", ipset.HashIPPortNet: "dst,dst,src",
}

func (m Destination) text(f ipset.Family) string {
	return "-m set " + not(m.Not) + "--match-set " + m.In.Name(f) + " " + parts[m.In.Type()]
}

func (m Source) text(f ipset.Family) string {
	return "-m set " + not(m.Not) + "--match-set " + m.In.Name(f) + " src"
}

func (m From) text(ipset.Family) string { return not(m.Not) + "-s " + m.Net.String() }

func (m Interface) text(ipset.Family) string { return not(m.Not) + "-i " + m.Name }

func (m Local) text(ipset.Family) string {
	return "-m addrtype " + not(m.Not) + "--" + string(m.End) + "-type LOCAL"
}

func (m State) text(ipset.Family) string {
	return "-m conntrack " + not(m.Not) + "--ctstate " + string(m.Is)
}

func (Reply) text(ipset.Family) string { return "-m conntrack --ctdir REPLY" }

func (Ping) text(f ipset.Family) string {
	if f == ipset.IPv6 {
		return "-p ipv6-icmp -m icmp6 --icmpv6-type 128"
	}
	return "-p icmp -m icmp --icmp-type 8"
}

func (m Marked) text(ipset.Family) string {
	return fmt.Sprintf("-m mark %s--mark %#x/%#x", not(m.Not), m.Bit, m.Bit)
}

func (Drop) text(ipset.Family) string   { return "-j DROP" }
func (Return) text(ipset.Family) string { return "-j RETURN" }
func (Accept) text(ipset.Family) string { return "-j ACCEPT" }

func (Reject) text(f ipset.Family) string {
	if f == ipset.IPv6 {
		return "-j REJECT --reject-with icmp6-port-unreachable"
	}
	return "-j REJECT --reject-with icmp-port-unreachable"
}

func (a SetMark) text(ipset.Family) string {
	return fmt.Sprintf("-j MARK --set-xmark %#x/%#x", a.Bit, a.Bit)
}

func (a SetWholeMark) text(ipset.Family) string {
	return fmt.Sprintf("-j MARK --set-xmark %#x/0xffffffff", a.Mark)
}

func (a ClearMark) text(ipset.Family) string {
	return fmt.Sprintf("-j MARK --set-xmark %#x/0x0", a.Bit)
}

func (a Masquerade) text(ipset.Family) string {
	if a.RandomPort {
		return "-j MASQUERADE --random-fully"
	}
	return "-j MASQUERADE"
}

func (a NetMap) text(ipset.Family) string { return "-j NETMAP --to " + a.To.String() }
