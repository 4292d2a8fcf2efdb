package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// device is the dummy interface that Service addresses are bound to.
const device = "kube-ipvs0"

// verdict is what was found out about one frontend.
type verdict struct {
	lines  []finding
	causes []string // why new connections do not work, the first the one to act on
	notes  []string // what is odd and does no harm
}

// finding is one thing that a frontend needs.
type finding struct {
	what, said string
	level      Level
	below      [][3]string // endpoint, Pod, what becomes of it
}

func (v *verdict) works() bool { return len(v.causes) == 0 }

func (v *verdict) fine(what, said string) {
	v.lines = append(v.lines, finding{what: what, said: said, level: Fine})
}

// wrong notes what keeps clients away.
func (v *verdict) wrong(what, said, cause string) {
	v.lines = append(v.lines, finding{what: what, said: said, level: Error})
	v.causes = append(v.causes, cause)
}

// inspect goes along the way of a packet, from the kernel to the endpoints.
func inspect(m snapshot.Machine, f traced) *verdict {
	v := &verdict{}
	if !m.IPVS {
		v.wrong("kernel", "no IPVS", "the kernel has no IPVS loaded ("+moduleRemedy(m)+")")
		return v
	}
	if !f.Owned && !f.unknown {
		v.wrong("frontend", "not served", "it is not served here"+remarked(f.remarks))
		return v
	}
	v.sysctls(m, f)
	v.rules(m, f)
	if v.server(m, f) {
		v.endpoints(m, f)
	}
	v.address(m, f)
	v.sets(m, f)
	return v
}

// server tells whether there is a virtual server of ours.
func (v *verdict) server(m snapshot.Machine, f traced) bool {
	how, there := m.Rows.VirtualServers[f.Server]
	if other, foreign := m.Foreign.VirtualServers[f.Server]; foreign {
		v.wrong("virtual server", fmt.Sprintf("foreign (%s)", other),
			fmt.Sprintf("another program has made a virtual server of its own at %s: stop that program; the next resync takes the address back", f.Server))
		return false
	}
	if !there {
		v.wrong("virtual server", "missing", fmt.Sprintf("the kernel has no virtual server %s%s", f.Server, resyncMends))
		return false
	}
	if want, wanted := f.rows.VirtualServers[f.Server]; !f.unknown && (!wanted || want != how) {
		v.lines = append(v.lines, finding{what: "virtual server", said: how.String() + ", which is not as wanted", level: Warning})
		return true
	}
	v.fine("virtual server", how.String())
	return true
}

// resyncMends says when a difference goes away by itself.
const resyncMends = ", although it is wanted: the next resync puts that right"

// endpoints compares those who are to answer with those who do.
func (v *verdict) endpoints(m snapshot.Machine, f traced) {
	line := finding{what: "endpoints"}
	seen := map[netip.AddrPort]bool{}
	chosen, draining := 0, 0
	dead := len(v.causes)
	for _, e := range f.Endpoints {
		rs := state.RealServer{VirtualServer: f.Server, Addr: e.Addr}
		seen[e.Addr] = true
		said, cause := endpointState(m, rs, e)
		line.below = append(line.below, endpointLine(m, rs, e.Pod, said))
		if cause != "" {
			v.causes = append(v.causes, cause)
		}
		if e.Chosen {
			chosen++
		}
		if said == drains {
			draining++
		}
	}
	dead = len(v.causes) - dead
	for _, rs := range realServers(m.Rows.RealServers, f.Server) {
		if seen[rs.Addr] {
			continue
		}
		said, _ := endpointState(m, rs, snapshot.Endpoint{})
		switch {
		case said == drains:
			draining++
		case f.unknown:
			chosen++
			said = fmt.Sprint(m.Rows.RealServers[rs])
		}
		line.below = append(line.below, endpointLine(m, rs, "", said))
	}
	line.said, line.level = fmt.Sprintf("%d of %d for new connections", chosen-dead, max(len(f.Endpoints), chosen)), Fine
	if chosen == 0 || dead > 0 {
		line.level = Error
	}
	v.lines = append(v.lines, line)
	if chosen == 0 {
		v.causes = append(v.causes, noEndpoint(f, draining))
	}
	if draining > 0 {
		v.notes = append(v.notes, count(draining, "real server")+" draining: old connections go on, new ones go elsewhere")
	}
}

const drains = "draining"

// endpointState says what becomes of an endpoint, and why it does not answer although
// it should.
func endpointState(m snapshot.Machine, rs state.RealServer, e snapshot.Endpoint) (said, cause string) {
	weight, there := m.Rows.RealServers[rs]
	switch {
	case e.Chosen && !there:
		return "missing in the kernel", fmt.Sprintf("the kernel has no real server %s%s", e.Addr, resyncMends)
	case e.Chosen && weight == 0:
		return "weight 0 where it should be more",
			fmt.Sprintf("real server %s has weight 0, so that it gets no new connections%s", e.Addr, resyncMends)
	case e.Chosen:
		return weight.String(), ""
	case there && weight == 0:
		return drains, ""
	case there:
		return "not wanted any more", ""
	}
	return whyNot(e), ""
}

func endpointLine(m snapshot.Machine, rs state.RealServer, pod, said string) [3]string {
	if c, there := m.Connections[rs]; there {
		said += fmt.Sprintf(", %d active, %d inactive", c.Active, c.Inactive)
	}
	return [3]string{rs.Addr.String(), pod, said}
}

// whyNot says why no new connection goes to an endpoint.
func whyNot(e snapshot.Endpoint) string {
	switch {
	case e.Terminating && e.Serving:
		return "terminating, still serving"
	case e.Terminating:
		return "terminating"
	case !e.Ready:
		return "not ready"
	case !e.Local:
		return "on another node, or meant for others"
	}
	return "not for this kind of traffic"
}

// noEndpoint says why there is no endpoint to choose.
func noEndpoint(f traced, draining int) string {
	ready := slices.ContainsFunc(f.Endpoints, func(e snapshot.Endpoint) bool { return e.Ready })
	switch {
	case len(f.Endpoints) == 0:
		return "the Service has no endpoints: clients are refused"
	case draining > 0 && !ready:
		return "its endpoints only drain, and no other is ready: new connections are refused"
	case !ready:
		return "none of its endpoints is ready: clients are refused"
	case f.Policy == "Local":
		policy := "external"
		if f.Kind == "ClusterIP" {
			policy = "internal"
		}
		return "its " + policy + " traffic policy is Local and no ready endpoint is on this node: new connections get no answer here"
	}
	return "no endpoint is meant for this node"
}

func (v *verdict) address(m snapshot.Machine, f traced) {
	addr := f.Server.Addr.Addr()
	_, bound := m.Rows.Addresses[addr]
	own := slices.Contains(m.Nodes, addr)
	switch {
	case bound && own:
		v.wrong("address", "twice", fmt.Sprintf("%s is on %s and on another interface of this node too: remove one of them", addr, device))
	case bound:
		v.fine("address", "on "+device)
	case own:
		v.fine("address", "this node's own")
	case m.Device == "":
		v.wrong("address", "no device", fmt.Sprintf("there is no device %s to carry %s: the next resync makes it", device, addr))
	default:
		v.wrong("address", "missing", fmt.Sprintf("%s is not bound to %s, so that its packets leave this node%s", addr, device, resyncMends))
	}
}

// sets looks for the members that concern the frontend.
func (v *verdict) sets(m snapshot.Machine, f traced) {
	var in, missing []string
	for _, row := range slices.SortedFunc(maps.Keys(f.rows.Members), byText) {
		if set := row.SetName(); !row.Concerns(f.Server) || slices.Contains(in, set) {
			continue
		} else if _, held := m.Rows.Members[row]; held {
			in = append(in, set)
		} else {
			missing = append(missing, row.String())
		}
	}
	switch {
	case len(missing) > 0:
		v.wrong("sets", "missing: "+strings.Join(missing, "; "),
			fmt.Sprintf("set member %s is missing, so that rules take its packets for others%s", missing[0], resyncMends))
	case len(in) > 0:
		v.fine("sets", strings.Join(in, " "))
	}
}

func byText(a, b state.Member) int { return strings.Compare(a.String(), b.String()) }

// text is the whole of what is said about a frontend.
func (v *verdict) text(f traced, style Style) string {
	title := f.Server.String()
	if f.service != "" {
		title = f.service + "  " + title
	}
	about := f.kind()
	if f.Policy != "" {
		about += ", policy " + f.Policy
	}
	if f.Of != nil {
		about += ", for clients inside of the cluster who ask for " + f.Of.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  (%s)\n", title, about)
	for _, l := range v.lines {
		fmt.Fprintf(&b, "  %-16s%s\n", l.what, style.in(l.level, l.said))
		var below table
		for _, cells := range l.below {
			below.row("    "+cells[0], cells[1], cells[2])
		}
		b.WriteString(below.String())
	}
	if v.works() {
		b.WriteString("  " + style.in(Fine, "works") + "\n")
	}
	for i, cause := range v.causes {
		if i == 0 {
			b.WriteString("  " + style.in(Error, "does not work") + ": " + cause + "\n")
		} else {
			b.WriteString("  also: " + cause + "\n")
		}
	}
	for _, n := range v.notes {
		b.WriteString("  note: " + n + "\n")
	}
	return b.String()
}
