package kerneltest

import (
	"context"
	"fmt"
	"slices"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Machine is what can be read on this machine, on which all is as it should be but
// for its rows.
func (k *Kernel) Machine() snapshot.Machine {
	m := snapshot.Machine{
		Release: "6.1.0", IPVS: true, Device: "dummy", Rows: k.Rows(),
		Modules: map[string]snapshot.Module{"ip_vs": snapshot.Loaded, "ip_vs_rr": snapshot.Loaded},
		Tables: []snapshot.Tables{
			{Program: "iptables", Version: "iptables v1.8.9 (nf_tables)", Ours: true, Dump: xtables.Dump{{Table: "nat", Chain: "PREROUTING"}: {"-j KIPVS-MARK"}}},
			{Program: "ip6tables", Version: "ip6tables v1.8.9 (nf_tables)", Ours: true, Dump: xtables.Dump{{Table: "nat", Chain: "PREROUTING"}: {"-j KIPVS6-MARK"}}},
		},
		Sysctls: map[string]string{
			"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1",
			"net.ipv4.vs.conntrack": "1", "net.ipv4.vs.expire_nodest_conn": "1",
		},
		Connections: map[state.RealServer]snapshot.Connections{},
	}
	m.Rows.HealthPorts = nil
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range k.nodes {
		m.Nodes = append(m.Nodes, a.Addr())
	}
	return m
}

// Families are both, unless LeaveOut says otherwise.
func (k *Kernel) Families() []ipset.Family {
	if k.unserved != nil {
		return []ipset.Family{ipset.IPv4}
	}
	return []ipset.Family{ipset.IPv4, ipset.IPv6}
}

// Unserved is what LeaveOut says.
func (k *Kernel) Unserved() error { return k.unserved }

// LeaveOut has the machine serve IPv4 alone, before anybody uses it.
func (k *Kernel) LeaveOut(why error) { k.unserved = why }

// TryScheduler fails where the machine has none of this name.
func (k *Kernel) TryScheduler(_ context.Context, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("try scheduler"); err != nil {
		return err
	}
	if !slices.Contains(k.schedulers, name) {
		return fmt.Errorf("%w: %s", state.ErrNoScheduler, name)
	}
	return nil
}

// SetSchedulers leaves the machine these.
func (k *Kernel) SetSchedulers(names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.schedulers = names
}

// Traffic is what SetTraffic says, of the virtual servers that are there.
func (k *Kernel) Traffic(_ context.Context, of []state.VirtualServer) (map[state.VirtualServer]state.Traffic, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.call("count traffic"); err != nil {
		return nil, err
	}
	all := map[state.VirtualServer]state.Traffic{}
	for _, vs := range of {
		if has(k.virtualServers.held, vs) {
			all[vs] = k.traffic[vs]
		}
	}
	return all, nil
}

// SetTraffic says what has been counted at a virtual server.
func (k *Kernel) SetTraffic(at state.VirtualServer, t state.Traffic) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.traffic[at] = t
}
