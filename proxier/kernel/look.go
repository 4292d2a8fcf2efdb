package kernel

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// ReadMachine says what there is on this machine, for somebody who only looks: no
// module is loaded and nothing is made. What cannot be read is named in Unread.
func ReadMachine(ctx context.Context) snapshot.Machine {
	m := snapshot.Machine{Rows: state.NewRows(), Sysctls: readSysctls("/proc/sys")}
	m.Release = host.Release()
	m.Modules = findModules("/", m.Release)
	m.Processes = findProcesses("/proc")
	m.Tables = readTables(ctx, &m)
	// Asking netlink for IPVS would load it.
	if _, err := os.Stat("/proc/net/ip_vs"); err != nil {
		return m
	}
	m.IPVS = true
	k, err := OpenAsIs(Config{})
	if err != nil {
		m.Unread = append(m.Unread, err.Error())
		return m
	}
	defer k.Close()
	k.lookAt(ctx, &m)
	return m
}

// lookAt reads what only netlink tells.
func (k *Kernel) lookAt(ctx context.Context, m *snapshot.Machine) {
	unread := func(err error) {
		if err != nil {
			m.Unread = append(m.Unread, err.Error())
		}
	}
	kind, err := k.DeviceType()
	unread(err)
	m.Device = kind
	own, err := k.NodeAddresses(ctx)
	unread(err)
	for _, a := range own {
		m.Nodes = append(m.Nodes, a.Addr())
	}
	bound, err := k.Addresses().List(ctx)
	unread(err)
	members, err := k.Members().List(ctx)
	unread(err)
	m.Rows.Addresses, m.Rows.Members = bound, members
	unread(k.ReadInto(m))
}

// readTables asks the program of each backend. The plain name is the one that the
// daemon uses; its backend is not read again under the other name.
func readTables(ctx context.Context, m *snapshot.Machine) (all []snapshot.Tables) {
	for _, program := range []string{"iptables", "ip6tables"} {
		var ours leftovers.Backend
		for _, backend := range []leftovers.Backend{"", leftovers.Legacy, leftovers.NFT} {
			t := snapshot.Tables{Program: program, Ours: backend == ""}
			if !t.Ours {
				t.Program += "-" + string(backend)
			}
			path, err := exec.LookPath(t.Program + "-save")
			if err != nil && t.Ours {
				m.Unread = append(m.Unread, fmt.Sprintf("find %s-save: %v", t.Program, err))
			}
			if err != nil || !t.Ours && backend == ours {
				continue
			}
			if err := readTable(ctx, path, &t); err != nil {
				m.Unread = append(m.Unread, err.Error())
				continue
			}
			if t.Ours && t.Version != "" {
				ours = backendOf(t.Version)
			}
			all = append(all, t)
		}
	}
	return all
}

func readTable(ctx context.Context, path string, t *snapshot.Tables) (err error) {
	var out, version bytes.Buffer
	if err := host.Run(ctx, &out, path, ""); err != nil {
		return err
	}
	if err := host.Run(ctx, &version, t.Program, "", "--version"); err == nil {
		t.Version = strings.TrimSpace(version.String())
	}
	if t.Dump, err = xtables.Parse(out.String()); err != nil {
		return fmt.Errorf("rules of %s: %w", t.Program, err)
	}
	t.Refuses = xtables.Refuses(out.String(), xtables.FilterInput)
	t.Accepts = accepts(t.Dump)
	return nil
}

// accepts tells whether our chain in filter INPUT lets in Services.
func accepts(d xtables.Dump) bool {
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		for _, c := range program(f, rules.Config{Accept: true}) {
			for _, r := range c.rules {
				if strings.HasSuffix(c.name, "FILTER") && xtables.Target(r) == "ACCEPT" && slices.Contains(d[c.place()], r) {
					return true
				}
			}
		}
	}
	return false
}
