package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// List shows every virtual server as ipvsadm -Ln does, with the Service and the
// Pods behind it where a daemon (nil: none) knows them.
func List(m snapshot.Machine, d *snapshot.Daemon) string {
	frontends := frontendsOf(d)
	ours, foreign := byServer(m.Rows.RealServers), byServer(m.Foreign.RealServers)
	var t table
	t.row("Prot LocalAddress:Port", "Scheduler", "", "", "Service", "Kind", "Policy")
	t.row("  -> RemoteAddress:Port", "Weight", "Active", "Inactive", "Pod")
	for _, vs := range slices.SortedFunc(maps.Keys(m.Rows.VirtualServers), state.VirtualServer.Compare) {
		f := frontends[vs]
		t.row(head(vs), m.Rows.VirtualServers[vs], "", "", f.service, f.kind(), f.Policy)
		listReal(&t, m, ours[vs], m.Rows.RealServers, f)
	}
	for _, vs := range slices.SortedFunc(maps.Keys(m.Foreign.VirtualServers), state.VirtualServer.Compare) {
		t.row(head(vs), m.Foreign.VirtualServers[vs], "", "", "not ours")
		listReal(&t, m, foreign[vs], m.Foreign.RealServers, named{})
	}
	return t.String()
}

func head(vs state.VirtualServer) string { return fmt.Sprintf("%-4s %s", vs.Protocol, vs.Addr) }

func listReal(t *table, m snapshot.Machine, real []state.RealServer, weights map[state.RealServer]state.Weight, f named) {
	pods := make(map[netip.AddrPort]string, len(f.Endpoints))
	for _, e := range f.Endpoints {
		pods[e.Addr] = e.Pod
	}
	for _, rs := range real {
		c, said := m.Connections[rs], pods[rs.Addr]
		if weights[rs] == 0 {
			said = join(said, "draining")
		}
		t.row("  -> "+rs.Addr.String(), int(weights[rs]), c.Active, c.Inactive, said)
	}
}

// byServer groups real servers by their virtual server, each group in order.
func byServer(all map[state.RealServer]state.Weight) map[state.VirtualServer][]state.RealServer {
	groups := map[state.VirtualServer][]state.RealServer{}
	for rs := range all {
		groups[rs.VirtualServer] = append(groups[rs.VirtualServer], rs)
	}
	for _, group := range groups {
		slices.SortFunc(group, state.RealServer.Compare)
	}
	return groups
}

// realServers are those of one virtual server, in order.
func realServers(all map[state.RealServer]state.Weight, vs state.VirtualServer) (real []state.RealServer) {
	for rs := range all {
		if rs.VirtualServer == vs {
			real = append(real, rs)
		}
	}
	slices.SortFunc(real, state.RealServer.Compare)
	return real
}

// named is a frontend with the name of its Service and port.
type named struct {
	snapshot.Frontend
	service string
}

func (f named) kind() string {
	if f.Of != nil {
		return f.Kind + " inside"
	}
	return f.Kind
}

// frontendsOf are the frontends of a daemon that a Service owns.
func frontendsOf(d *snapshot.Daemon) map[state.VirtualServer]named {
	all := map[state.VirtualServer]named{}
	if d == nil {
		return all
	}
	for _, s := range d.Services {
		for _, f := range s.Frontends {
			if f.Owned {
				all[f.Server] = named{f, withPort(s.Name, f.Port)}
			}
		}
	}
	return all
}

func withPort(service, port string) string {
	if port == "" {
		return service
	}
	return service + ":" + port
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}
