package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// needed are the settings without which no Service works, with what goes wrong.
var needed = []struct {
	name, want, harm string
	only             func(netip.Addr) bool
}{
	{"net.ipv4.ip_forward", "1", "packets do not leave for endpoints elsewhere", netip.Addr.Is4},
	{"net.ipv6.conf.all.forwarding", "1", "packets do not leave for endpoints elsewhere", netip.Addr.Is6},
	{"net.ipv4.vs.conntrack", "1", "nothing is masqueraded and answers go astray", netip.Addr.IsValid},
}

func (v *verdict) sysctls(m snapshot.Machine, f traced) {
	for _, s := range needed {
		if is, known := m.Sysctls[s.name]; known && is != s.want && s.only(f.Server.Addr.Addr()) {
			v.wrong("sysctl", s.name+" "+is, fmt.Sprintf("sysctl %s is %s: %s; set it to %s", s.name, is, s.harm, s.want))
		}
	}
}

// rules looks for what stands in the way in filter INPUT, which packets pass
// before IPVS sees them, and for our own chains.
func (v *verdict) rules(m snapshot.Machine, f traced) {
	prefix, name := state.Prefix4, "iptables"
	if f.Server.Addr.Addr().Is6() {
		prefix, name = state.Prefix6, "ip6tables"
	}
	seen, before := false, len(v.causes)
	for _, t := range m.Tables {
		if !strings.HasPrefix(t.Program, name) {
			continue
		}
		v.input(t, f)
		if t.Ours {
			seen = true
			if !leadsTo(t.Dump, prefix+"MARK") {
				v.wrong("rules", "missing", fmt.Sprintf("no rule leads to chain %sMARK: the next resync puts that right", prefix))
				return
			}
		}
	}
	if seen && len(v.causes) == before {
		v.fine("rules", "in place")
	}
}

// leadsTo tells whether a built-in chain leads to the chain.
func leadsTo(d xtables.Dump, chain string) bool {
	for place, rules := range d {
		if place.BuiltIn() && slices.ContainsFunc(rules, func(r string) bool { return xtables.Target(r) == chain }) {
			return true
		}
	}
	return false
}

// input looks through filter INPUT, as far as a packet for a Service gets there.
func (v *verdict) input(t snapshot.Tables, f traced) {
	for _, rule := range t.Dump[xtables.FilterInput] {
		if t.Accepts && strings.HasSuffix(xtables.Target(rule), "FILTER") {
			return
		}
		v.foreignRule(t.Program, rule, f)
	}
	if t.Ours && t.Refuses {
		v.notes = append(v.notes, t.Program+" filter INPUT keeps out what none of its rules lets in: see --accept-service-traffic")
	}
}

// foreignRule notes a rule that refuses or drops the frontend's packets.
func (v *verdict) foreignRule(program, rule string, f traced) {
	r := xtables.ReadMatch(rule)
	if !r.Refuses() || !concerns(r, f.Server) {
		return
	}
	if r.Some {
		v.notes = append(v.notes, fmt.Sprintf("%s filter INPUT may keep some clients away: %s", program, rule))
		return
	}
	v.wrong("rules", "a foreign "+r.Target,
		fmt.Sprintf("a rule in %s filter INPUT stands before IPVS and refuses it (%s): delete it or find who makes it", program, rule))
}

// concerns tells whether a rule is about packets for the virtual server.
func concerns(r xtables.Match, vs state.VirtualServer) bool {
	return (!r.To.IsValid() || r.To.Contains(vs.Addr.Addr())) &&
		(r.Protocol == "" || strings.EqualFold(r.Protocol, vs.Protocol.String())) &&
		(r.Port == "" || r.Port == fmt.Sprint(vs.Addr.Port()))
}

func moduleRemedy(m snapshot.Machine) string {
	if m.Modules["ip_vs"] == snapshot.Missing {
		return "and there is no module ip_vs for " + m.Release + ": install the package with this kernel's modules"
	}
	return "run modprobe ip_vs"
}
