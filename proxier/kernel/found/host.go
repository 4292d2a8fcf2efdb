package found

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// modules are those that traffic through IPVS needs, and the schedulers.
var modules = append([]string{
	"ip_vs", "nf_conntrack", "ip_set", "ip_set_hash_ip", "ip_set_hash_ipport", "ip_set_hash_ipportip",
	"ip_set_hash_ipportnet", "ip_set_hash_net", "xt_set", "dummy",
}, schedulerModules()...)

func schedulerModules() (all []string) {
	for _, name := range state.SchedulerNames() {
		all = append(all, "ip_vs_"+name)
	}
	return all
}

// findModules says how the running kernel has each of modules.
func findModules(root, release string) map[string]snapshot.Module {
	read := func(path ...string) string {
		text, _ := os.ReadFile(filepath.Join(append([]string{root}, path...)...)) // nothing to read, nothing there
		return string(text)
	}
	loaded := moduleNames(read("proc/modules"), " ")
	builtIn := moduleNames(read("lib/modules", release, "modules.builtin"), "\n")
	available := moduleNames(read("lib/modules", release, "modules.dep"), ":")
	found := map[string]snapshot.Module{}
	for _, m := range modules {
		_, err := os.Stat(filepath.Join(root, "sys/module", m))
		switch {
		case loaded[m]:
			found[m] = snapshot.Loaded
		case builtIn[m], err == nil:
			found[m] = snapshot.BuiltIn
		case available[m]:
			found[m] = snapshot.Available
		default:
			found[m] = snapshot.Missing
		}
	}
	return found
}

// moduleNames are those of the modules that lines begin with, by path or name, up to
// a separator.
func moduleNames(text, until string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(filepath.Base(strings.TrimSpace(first(line, until))), ".")
		all[strings.ReplaceAll(name, "-", "_")] = true
	}
	return all
}

func first(text, until string) string {
	before, _, _ := strings.Cut(text, until)
	return before
}

// watched are settings that decide about Service traffic.
var watched = []string{
	"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding", device.IPv6Off, device.IPv6OffDefault,
	"net.ipv4.vs.conntrack", "net.ipv4.vs.conn_reuse_mode", "net.ipv4.vs.expire_nodest_conn", "net.ipv4.vs.expire_quiescent_template",
	"net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce", "net.ipv4.conf.all.route_localnet",
	"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_count", "net.ipv4.tcp_keepalive_time",
}

func readSysctls(root string) map[string]string {
	all := map[string]string{}
	for _, name := range watched {
		if text, err := os.ReadFile(filepath.Join(root, strings.ReplaceAll(name, ".", "/"))); err == nil {
			all[name] = strings.TrimSpace(string(text))
		}
	}
	return all
}

// programs of interest: other proxies, who announces addresses by ARP, and a
// firewall with rules of its own.
var programs = []string{"kube-proxy", "kube-router", "cilium-agent", "speaker", "kube-vip", "keepalived", "loxilb", "firewalld"}

// findProcesses sees those that this process may see.
func findProcesses(proc string) (all []snapshot.Process) {
	entries, _ := os.ReadDir(proc) // without it nothing is seen
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		name, err := os.ReadFile(filepath.Join(proc, e.Name(), "comm"))
		if name := strings.TrimSpace(string(name)); err == nil && slices.Contains(programs, name) {
			all = append(all, snapshot.Process{ID: id, Name: name})
		}
	}
	return all
}
