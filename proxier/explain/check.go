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

// Requirements are what the daemon's configuration asks of a machine.
type Requirements struct {
	Scheduler string
	StrictARP bool
	Accept    bool           // Services are let in where filter INPUT keeps out what no rule lets in
	API       netip.Addr     // of the API server; not valid if it has a name or is not known
	Pods      []netip.Prefix // their networks, where they are known
}

// Level is how much a Result matters.
type Level string

// The levels. With an Error the daemon, or part of its traffic, does not work.
const (
	Fine    Level = "ok"
	Warning Level = "warning"
	Error   Level = "error"
)

// Result is one thing that was checked.
type Result struct {
	Level  Level  `json:"level"`
	What   string `json:"what"`
	Said   string `json:"said"`
	Remedy string `json:"remedy,omitempty"`
}

// Check says of this machine what a daemon with this wish would miss. A daemon
// that runs (nil: none) adds what it knows.
func Check(m snapshot.Machine, d *snapshot.Daemon, w Requirements) []Result {
	return slices.Concat(
		checkModules(m, w), checkSysctls(m, d, w), checkIPv6(m, d, w), checkTimeouts(m, d), checkTables(m), checkFirewall(m, w), checkProxies(m),
		checkAddresses(m, d), checkAPI(d, w), checkUnread(m),
	)
}

// Report shows results; the worst level is that of all.
func Report(all []Result, style Style) (text string, worst Level) {
	worst = Fine
	var t table
	for _, r := range all {
		t.row(style.in(r.Level, string(r.Level)), r.What, r.Said)
		if r.Remedy != "" {
			t.row(style.in(r.Level, ""), "", "-> "+r.Remedy)
		}
		if r.Level == Error || worst == Fine {
			worst = r.Level
		}
	}
	return t.String(), worst
}

func checkModules(m snapshot.Machine, w Requirements) (all []Result) {
	missing := func(name, what string) {
		is, known := m.Modules[name]
		if !known {
			is = snapshot.Missing // a scheduler that no kernel has
		}
		switch is {
		case snapshot.Missing:
			all = append(all, Result{
				Error, what, fmt.Sprintf("the kernel %s has no module %s", m.Release, name),
				"install the package with this kernel's modules, or another kernel",
			})
		case snapshot.Available:
			all = append(all, Result{Fine, what, fmt.Sprintf("module %s is there and is loaded when it is needed", name), ""})
		}
	}
	if !m.IPVS {
		missing("ip_vs", "IPVS")
		if m.Modules["ip_vs"] == snapshot.Available {
			all[0] = Result{Warning, "IPVS", "module ip_vs is not loaded", "kube-ipvs init loads it, or: modprobe ip_vs"}
		}
	} else {
		all = append(all, Result{Fine, "IPVS", "in kernel " + m.Release, ""})
	}
	before := len(all)
	missing("ip_vs_"+w.Scheduler, "scheduler "+w.Scheduler)
	if len(all) == before {
		all = append(all, Result{Fine, "scheduler " + w.Scheduler, "in the kernel", ""})
	}
	for _, name := range []string{
		"ip_set", "xt_set", "ip_set_hash_ip", "ip_set_hash_ipport", "ip_set_hash_ipportip", "ip_set_hash_ipportnet", "ip_set_hash_net",
		"nf_conntrack", "dummy",
	} {
		if m.Modules[name] == snapshot.Missing {
			missing(name, "module "+name)
		}
	}
	return all
}

// needIPv6 tells whether the cluster uses IPv6, as far as can be told here, and
// a daemon that runs serves it.
func (w Requirements) needIPv6(m snapshot.Machine, d *snapshot.Daemon) bool {
	return state.UsesIPv6(w.Pods, m.Nodes) && (d == nil || slices.Contains(d.Families, "IPv6"))
}

func checkSysctls(m snapshot.Machine, d *snapshot.Daemon, w Requirements) (all []Result) {
	want := func(name, value, harm string) {
		is, known := m.Sysctls[name]
		if known && is != value {
			all = append(all, Result{
				Error, "sysctl " + name, fmt.Sprintf("is %s: %s", is, harm),
				fmt.Sprintf("sysctl -w %s=%s; kube-ipvs init does that, unless /proc/sys is read-only there", name, value),
			})
		}
	}
	for _, s := range needed {
		if s.only(netip.IPv4Unspecified()) || w.needIPv6(m, d) {
			want(s.name, s.want, s.harm)
		}
	}
	want("net.ipv4.vs.expire_nodest_conn", "1", "connections to an endpoint that is gone hang instead of being reset")
	announcer := slices.IndexFunc(m.Processes, func(p snapshot.Process) bool { return slices.Contains(announcers, p.Name) })
	ignore, known := m.Sysctls["net.ipv4.conf.all.arp_ignore"]
	switch {
	case w.StrictARP:
		want("net.ipv4.conf.all.arp_ignore", "1", "every node answers ARP for load balancer addresses")
		want("net.ipv4.conf.all.arp_announce", "2", "ARP requests may name a load balancer address as their sender")
	case announcer >= 0 && known && ignore == "0":
		all = append(all, Result{Error, "strict ARP", fmt.Sprintf("%s announces addresses by ARP, and this node answers for all of them (arp_ignore 0)",
			m.Processes[announcer].Name), "run the daemon with --ipvs-strict-arp, or strictARP: true in its configuration"})
	}
	if m.Sysctls["net.ipv4.conf.all.route_localnet"] == "1" {
		all = append(all, Result{
			Warning, "sysctl net.ipv4.conf.all.route_localnet",
			"is 1: neighbours on the network may reach what listens on 127.0.0.1 only; kube-proxy's iptables mode leaves it so",
			"sysctl -w net.ipv4.conf.all.route_localnet=0, unless something else needs it",
		})
	}
	if len(all) == 0 {
		all = append(all, Result{Fine, "sysctls", "as traffic through IPVS needs them", ""})
	}
	return all
}

// checkIPv6 says why IPv6 is not served although the cluster uses it.
func checkIPv6(m snapshot.Machine, d *snapshot.Daemon, w Requirements) []Result {
	if d != nil && d.Unserved != "" {
		return []Result{{Warning, "IPv6", ipv4Alone + d.Unserved, ""}}
	}
	name := "net.ipv6.conf." + device + ".disable_ipv6"
	if m.Device == "" {
		name = "net.ipv6.conf.default.disable_ipv6"
	}
	if m.Sysctls[name] != "1" || !w.needIPv6(m, d) {
		return nil
	}
	return []Result{{
		Warning, "IPv6", "is off on " + device + ": sysctl " + name + " is 1",
		"kube-ipvs init switches it on for " + device + " alone, unless /proc/sys is read-only there",
	}}
}

// announcers answer ARP for addresses in the name of one node.
var announcers = []string{"speaker", "kube-vip", "keepalived"}

// checkTables looks at the backend that is used, and for rules in the other.
func checkTables(m snapshot.Machine) (all []Result) {
	for _, t := range m.Tables {
		if t.Ours {
			all = append(all, Result{Fine, t.Program, t.Version, ""})
		}
	}
	if len(all) == 0 {
		return []Result{{Error, "iptables", "no iptables program was found", "install iptables 1.6.2 or newer"}}
	}
	for _, t := range m.Tables {
		for _, rule := range t.Dump[xtables.FilterInput] {
			if r := xtables.ReadMatch(rule); r.Refuses() && !r.Some && r.To.IsValid() {
				all = append(all, Result{
					Warning, t.Program, "filter INPUT refuses an address before IPVS sees it: " + rule,
					"delete the rule if it is a leftover; kube-ipvs trace says which Service it hits",
				})
			}
		}
	}
	return all
}

// checkProxies looks for others who serve Services, and what they have left.
func checkProxies(m snapshot.Machine) (all []Result) {
	for _, p := range m.Processes {
		if p.Name == "kube-proxy" || p.Name == "kube-router" {
			all = append(all, Result{
				Error, p.Name, fmt.Sprintf("runs here (process %d): two proxies undo each other's work", p.ID),
				"take it off this node, and clean up after it: kube-ipvs cleanup",
			})
		}
	}
	for _, t := range m.Tables {
		n := 0
		for place := range t.Dump {
			if place.Table == "nat" && (strings.HasPrefix(place.Chain, "KUBE-SVC-") || place.Chain == "KUBE-SERVICES") {
				n++
			}
		}
		if n > 0 {
			all = append(all, Result{
				Warning, t.Program, fmt.Sprintf("kube-proxy has left %s in table nat", count(n, "chain")),
				"they go when the daemon has taken over, or by kube-ipvs cleanup",
			})
		}
	}
	if len(m.Foreign.VirtualServers) > 0 {
		all = append(all, Result{
			Warning, "IPVS", count(len(m.Foreign.VirtualServers), "virtual server") + " of other programs",
			"nothing to do if you know whose they are; kube-ipvs list shows them",
		})
	}
	if len(all) == 0 {
		all = append(all, Result{Fine, "other proxies", "none runs here or has left anything", ""})
	}
	return all
}

func checkAddresses(m snapshot.Machine, d *snapshot.Daemon) (all []Result) {
	for _, addr := range m.Nodes {
		if _, bound := m.Rows.Addresses[addr]; bound {
			all = append(all, Result{
				Error, "address " + addr.String(), "is on " + device + " and on another interface too",
				"remove it from one of them; ip address show to " + addr.String(),
			})
		}
	}
	if d != nil {
		for _, remark := range d.LeftOut {
			all = append(all, Result{Warning, "Service range", remark, "give the cluster a Service range in which there is nothing else"})
		}
	}
	if m.Device != "" && m.Device != "dummy" {
		all = append(all, Result{Error, "device " + device, "is a " + m.Device + ", not a dummy", "rename or remove it"})
	}
	return all
}

// checkAPI refuses an address that only works while the proxy does.
func checkAPI(d *snapshot.Daemon, w Requirements) []Result {
	if d == nil || !w.API.IsValid() || !within(d.Ranges, w.API) {
		return nil
	}
	return []Result{{
		Error, "API server", fmt.Sprintf("%s lies in the Service range: it is reached only while a proxy serves it, so that none could start here", w.API),
		"name a real address of the API server: --master or --kubeconfig",
	}}
}

func checkUnread(m snapshot.Machine) (all []Result) {
	for _, what := range m.Unread {
		all = append(all, Result{Warning, "not checked", what, ""})
	}
	return all
}
