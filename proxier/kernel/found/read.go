package found

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/netfilter"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/nft"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Read says what there is on this machine, for those who only look: no module
// is loaded, nothing is made and nothing subscribed to. What cannot be read is
// named in Unread.
func Read(ctx context.Context) snapshot.Machine {
	m := snapshot.Machine{Rows: state.NewRows(), Sysctls: readSysctls("/proc/sys")}
	m.Release = host.Release()
	m.Modules = findModules("/", m.Release)
	m.Processes = findProcesses("/proc")
	m.Tables = readTables(ctx, &m)
	m.IPVS = ipvs.Loaded()
	if !m.IPVS {
		return m // asking netlink for IPVS would load it
	}
	unread := func(err error) {
		if err != nil {
			m.Unread = append(m.Unread, err.Error())
		}
	}
	if err := host.Permitted(); err != nil {
		unread(err)
		return m
	}
	served := host.FindServed()
	readDevice(ctx, &m, served, unread)
	unread(readMembers(ctx, &m, served))
	unread(readServers(&m))
	return m
}

func readDevice(ctx context.Context, m *snapshot.Machine, served *host.Served, unread func(error)) {
	d, err := device.Open(served)
	if err != nil {
		unread(err)
		return
	}
	m.Device, err = d.DeviceType()
	unread(err)
	own, err := d.NodeAddresses(ctx)
	unread(err)
	for _, a := range own {
		m.Nodes = append(m.Nodes, a.Addr())
	}
	m.Rows.Addresses, err = d.Addresses().List(ctx)
	unread(err)
	unread(d.Close())
}

// readMembers reads the sets of the backend that is in use.
func readMembers(ctx context.Context, m *snapshot.Machine, served *host.Served) (err error) {
	conn, err := netfilter.Dial()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is written
	tables, err := conn.Tables()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tables, leftovers.OurTable) {
		m.Rows.Members, err = nft.MembersIn(conn.Conn, served).List(ctx)
		return err
	}
	sets, err := ipset.Open()
	if err != nil {
		return err
	}
	defer sets.Close()
	m.Rows.Members, err = xt.MembersIn(sets, served).List(ctx)
	return err
}

func readServers(m *snapshot.Machine) error {
	servers, err := ipvs.OpenLoaded(ipvs.Config{})
	if err != nil {
		return err
	}
	return errors.Join(servers.ReadInto(m), servers.Close())
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
				ours = xt.BackendOf(t.Version)
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
	t.Accepts = xt.Accepts(t.Dump)
	return nil
}
