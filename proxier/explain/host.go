package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
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
			if !slices.ContainsFunc(t.Rules, func(r string) bool { return strings.HasSuffix(r, "-j "+prefix+"MARK") }) {
				v.wrong("rules", "missing", fmt.Sprintf("no rule leads to chain %sMARK: the next resync puts that right", prefix))
				return
			}
		}
	}
	if seen && len(v.causes) == before {
		v.fine("rules", "in place")
	}
}

// input looks through filter INPUT, as far as a packet for a Service gets there.
func (v *verdict) input(t snapshot.Tables, f traced) {
	for _, rule := range t.Rules {
		text, input := strings.CutPrefix(rule, "filter INPUT ")
		if input && t.Accepts && strings.HasSuffix(text, "FILTER") {
			return
		}
		if input {
			v.foreignRule(t.Program, text, f)
		}
	}
	if t.Ours && t.Refuses {
		v.notes = append(v.notes, t.Program+" filter INPUT keeps out what none of its rules lets in: see --accept-service-traffic")
	}
}

// foreignRule notes a rule that refuses or drops the frontend's packets.
func (v *verdict) foreignRule(program, rule string, f traced) {
	r := readRule(rule)
	if r.target != "REJECT" && r.target != "DROP" || !r.matches(f.Server) {
		return
	}
	if r.some {
		v.notes = append(v.notes, fmt.Sprintf("%s filter INPUT may keep some clients away: %s", program, rule))
		return
	}
	v.wrong("rules", "a foreign "+r.target,
		fmt.Sprintf("a rule in %s filter INPUT stands before IPVS and refuses it (%s): delete it or find who makes it", program, rule))
}

// rule is what a line of iptables-save matches, as far as it can be told.
type rule struct {
	target   string
	to       netip.Prefix // zero: everywhere
	protocol string       // empty: all
	port     string       // empty: all
	some     bool         // only some packets, by what cannot be told here
}

func readRule(text string) (r rule) {
	words := strings.Fields(text)
	for i := 0; i < len(words); i++ {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch words[i] {
		case "-j", "-g":
			r.target = next
			return r
		case "-d":
			r.to, _ = netip.ParsePrefix(next)
		case "-p":
			r.protocol = next
		case "--dport":
			r.port = next
		case "--comment":
			for i++; i+1 < len(words) && !strings.HasSuffix(words[i], `"`) && strings.HasPrefix(next, `"`); i++ {
			}
			continue
		case "-m":
		case "--ctstate":
			r.some = r.some || !strings.Contains(next, "NEW")
		default:
			r.some = true
		}
		i++
	}
	return r
}

func (r rule) matches(vs state.VirtualServer) bool {
	return (!r.to.IsValid() || r.to.Contains(vs.Addr.Addr())) &&
		(r.protocol == "" || strings.EqualFold(r.protocol, vs.Protocol.String())) &&
		(r.port == "" || r.port == fmt.Sprint(vs.Addr.Port()))
}

func moduleRemedy(m snapshot.Machine) string {
	if m.Modules["ip_vs"] == snapshot.Missing {
		return "and there is no module ip_vs for " + m.Release + ": install the package with this kernel's modules"
	}
	return "run modprobe ip_vs"
}
