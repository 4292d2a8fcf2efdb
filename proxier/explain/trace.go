package explain

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Target is what a trace is about: a Service, or one of its ports, or whatever
// is at an address.
type Target struct {
	Service string // "shop/cart"
	Port    string // its name or number; empty: all
	Server  state.VirtualServer
	From    Client
}

// ParseTarget reads NAMESPACE/SERVICE[:PORT] or IP:PORT[/PROTOCOL].
func ParseTarget(text string) (t Target, err error) {
	if t.Server.UnmarshalText([]byte(text)) == nil {
		return t, nil
	}
	service, port, _ := strings.Cut(text, ":")
	namespace, name, ok := strings.Cut(service, "/")
	if _, err := netip.ParseAddr(namespace); !ok || err == nil || namespace == "" || name == "" || strings.Contains(name, "/") {
		return Target{}, fmt.Errorf("%q is neither NAMESPACE/SERVICE[:PORT] nor IP:PORT[/PROTOCOL]", text)
	}
	return Target{Service: service, Port: port}, nil
}

// Question is what a trace of t has to ask a daemon.
func (t Target) Question() snapshot.Question {
	if t.Service == "" {
		return snapshot.Question{Services: snapshot.All}
	}
	return snapshot.Question{Services: t.Service}
}

// Trace says of each way to reach the target what it needs, what of that is
// there, and whether it works on this node: for the client, if there is one.
// Without a daemon (nil) only the kernel can tell, which does not know what is
// wanted. Works is false if one of the ways does not.
func Trace(m snapshot.Machine, d *snapshot.Daemon, target Target, style Style) (text string, works bool) {
	if target.From.given() && (d == nil || d.Rules == nil) {
		return "not known: no daemon runs here that could say how its rules tell Pods from other clients\n", false
	}
	found := target.frontends(d)
	if len(found) == 0 {
		if text, works = target.notFound(m, d, style); target.From.given() && target.Service == "" && target.From.asks(target.Server.Addr.Addr()) {
			text += target.From.describe(target.From.walk(m, *d, target.Server), style)
		}
		return text, works
	}
	if target.From.given() {
		return target.traceFrom(m, *d, found, style)
	}
	var b strings.Builder
	works = true
	for i, f := range found {
		if i > 0 {
			b.WriteString("\n")
		}
		v := inspect(m, f)
		b.WriteString(v.text(f, style))
		works = works && v.works()
	}
	return b.String(), works
}

// traceFrom says it of the ways that one client can ask for. What matters is
// the frontend that serves it: the rules may lead it to another than it asks for.
func (t Target) traceFrom(m snapshot.Machine, d snapshot.Daemon, found []traced, style Style) (text string, works bool) {
	var all []string
	works = true
	for _, f := range found {
		if f.Of != nil && f.Server != t.Server || !t.From.asks(f.Server.Addr.Addr()) {
			continue
		}
		way := t.From.walk(m, d, f.Server)
		if i := slices.IndexFunc(found, func(o traced) bool { return o.Server == way.Decided().Server }); i >= 0 {
			f = found[i]
		}
		v := inspect(m, f)
		all = append(all, v.text(f, style)+t.From.describe(way, style))
		works = works && v.works() && reachesEndpoints(way)
	}
	if len(all) == 0 {
		return fmt.Sprintf("%s: there is no address of the family of %s\n", style.in(Error, "does not work"), t.From), false
	}
	return strings.Join(all, "\n"), works
}

// traced is a frontend with all that its Service wants.
type traced struct {
	named
	rows    state.Rows // wanted by the Service
	remarks []string
	unknown bool // no daemon: what is wanted is not known
}

func (t Target) frontends(d *snapshot.Daemon) (found []traced) {
	if d == nil {
		return nil
	}
	for _, s := range d.Services {
		for _, f := range s.Frontends {
			if f.Kind != "HealthPort" && t.means(s.Name, f) {
				found = append(found, traced{named: named{f, withPort(s.Name, f.Port)}, rows: s.Rows, remarks: s.Remarks})
			}
		}
	}
	return found
}

// means tells whether the target is a frontend or, if it is an address, has it as
// its alias.
func (t Target) means(service string, f snapshot.Frontend) bool {
	if t.Service == "" {
		return f.Server == t.Server || f.Of != nil && *f.Of == t.Server
	}
	return service == t.Service && (t.Port == "" || t.Port == f.Port || t.Port == fmt.Sprint(f.Server.Addr.Port()))
}

// notFound is said of what no Service has.
func (t Target) notFound(m snapshot.Machine, d *snapshot.Daemon, style Style) (text string, works bool) {
	verdict := func(text string) (string, bool) { return style.in(Error, "does not work") + ": " + text + "\n", false }
	switch {
	case t.Service != "" && d == nil:
		return "not known: no daemon runs here that could say what the Service is; trace one of its addresses\n", false
	case t.Service != "" && len(d.Services) > 0 && t.Port == "":
		return verdict(fmt.Sprintf("Service %s has nothing that this node could serve", t.Service) + remarked(d.Services[0].Remarks))
	case t.Service != "" && len(d.Services) > 0:
		return verdict(fmt.Sprintf("Service %s has no port %s", t.Service, t.Port))
	case t.Service != "":
		return verdict(fmt.Sprintf("there is no Service %s, or it is headless, an ExternalName or another proxy's", t.Service))
	}
	if how, foreign := m.Foreign.VirtualServers[t.Server]; foreign {
		return fmt.Sprintf("%s is a virtual server of another program (%s)\n", t.Server, how), false
	}
	if _, ours := m.Rows.VirtualServers[t.Server]; ours && d == nil {
		v := inspect(m, traced{named: named{Frontend: snapshot.Frontend{Server: t.Server}}, unknown: true})
		return v.text(traced{named: named{Frontend: snapshot.Frontend{Server: t.Server, Kind: "what the kernel holds"}}}, style), v.works()
	}
	if d != nil && within(d.Ranges, t.Server.Addr.Addr()) {
		return verdict(fmt.Sprintf("%s lies in the Service range, and no Service has it: clients are refused", t.Server))
	}
	return verdict(fmt.Sprintf("no Service asks for %s on this node", t.Server))
}

func within(ranges []string, a netip.Addr) bool {
	for _, text := range ranges {
		if p, err := netip.ParsePrefix(text); err == nil && p.Contains(a) {
			return true
		}
	}
	return false
}

func remarked(remarks []string) string {
	if len(remarks) == 0 {
		return ""
	}
	return ": " + strings.Join(remarks, "; ")
}
