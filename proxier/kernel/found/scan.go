package found

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/netfilter"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/xt"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Config is what a cleanup depends on.
type Config struct {
	ExcludeCIDRs   []netip.Prefix // virtual servers of others within are never adopted and never removed
	RestoreSysctls bool           // a cleanup puts back sysctls too, not only time-outs
	Records        host.Records
}

// Machine is a leftovers.Machine. It starts programs, and may be used beside the
// goroutine that writes rows for the scope Takeover only.
type Machine struct {
	cfg       Config
	ipvs      *ipvs.IPVS
	device    *device.Device
	sets      *ipset.Client
	netfilter netfilter.Conn
}

// Open opens sockets of its own in the network namespace of this thread, and uses
// those of the two rooms.
func Open(cfg Config, servers *ipvs.IPVS, d *device.Device) (m *Machine, err error) {
	m = &Machine{cfg: cfg, ipvs: servers, device: d}
	if m.sets, err = ipset.Open(); err != nil {
		return nil, err
	}
	if m.netfilter, err = netfilter.Dial(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close lets go of its own sockets.
func (m *Machine) Close() error {
	m.sets.Close()
	return m.netfilter.Close()
}

// Scan tells what proxies have put into this machine, as far as the scope is
// about it. It loads no module for the legacy backend, and starts programs only
// to read the rules of a backend and family in which there may be any: at most
// four.
func (m *Machine) Scan(ctx context.Context, scope leftovers.Scope) leftovers.Found {
	l := &look{m: m, found: leftovers.Found{Scope: scope, Rules: map[leftovers.Where]xtables.Dump{}}}
	l.unless("IP sets", l.sets())
	if scope != leftovers.Adoption {
		l.rules(ctx)
		names, err := m.netfilter.Accounts()
		l.found.Accounts = names
		l.unless("nfacct objects", err)
	}
	if scope == leftovers.Cleanup || scope == leftovers.Adoption && slices.ContainsFunc(l.found.Sets, scope.Set) {
		l.unless("virtual servers", l.servers())
		l.unless("addresses", l.addresses())
	}
	if scope == leftovers.Cleanup {
		l.unless("sysctls and time-outs that were changed", l.settings())
	}
	return l.found
}

// look is one look at the machine.
type look struct {
	m     *Machine
	found leftovers.Found
}

// unless notes that a part could not be looked at, unless it could.
func (l *look) unless(part string, err error) {
	if err != nil {
		l.found.Unread = append(l.found.Unread, leftovers.Blocked{Object: part, Holder: "not looked at: " + err.Error()})
	}
}

// settings reads which have been changed.
func (l *look) settings() error {
	r, err := l.m.cfg.Records.Read()
	if err != nil {
		return err
	}
	if l.m.cfg.RestoreSysctls {
		l.found.Sysctls = host.Changed(r)
	}
	l.found.Timeouts, err = l.m.ipvs.ChangedTimeouts(r)
	return err
}

// sets reads names and the ports that virtual servers may listen on.
func (l *look) sets() error {
	sets, err := l.m.sets.Sets()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil // the kernel has no sets
	}
	l.found.NodePorts = map[leftovers.NodePort]bool{}
	for _, s := range sets {
		l.found.Sets = append(l.found.Sets, s.Name)
		protocol, ports := leftovers.NodePortsIn(s.Name)
		if !ports || l.found.Scope == leftovers.Takeover {
			continue
		}
		numbers, failed := l.ports(s)
		err = errors.Join(err, failed)
		for _, n := range numbers {
			l.found.NodePorts[leftovers.NodePort{Protocol: protocol, Port: n}] = true
		}
	}
	return err
}

func (l *look) ports(s ipset.Set) (numbers []uint16, err error) {
	if s.Type != ipset.HashIPPort {
		return l.m.sets.Ports(s.Name)
	}
	entries, err := l.m.sets.Members(s.Name)
	for _, e := range entries {
		numbers = append(numbers, e.Port())
	}
	return numbers, err
}

// rules reads what both backends hold, whichever we write to ourselves.
func (l *look) rules(ctx context.Context) {
	names, err := l.m.netfilter.Tables()
	l.found.NFTables = names
	l.unless("tables of nftables", err)
	chains, err := l.m.netfilter.Chains()
	l.unless("chains of nftables", err)
	l.ownTables(chains)
	anySet := slices.ContainsFunc(l.found.Sets, l.found.Scope.Set)
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		// Of sets one has to know which rules look into them.
		if slices.ContainsFunc(chains[f], l.found.Scope.Chain) || anySet && len(chains[f]) > 0 {
			l.dump(ctx, leftovers.Where{Backend: leftovers.NFT, Family: f})
		}
		any, err := xt.LegacyTables(f)
		where := leftovers.Where{Backend: leftovers.Legacy, Family: f}
		l.unless(where.String(), err)
		if any {
			l.dump(ctx, where)
		}
	}
}

// ownTables takes those chains out that are in a table with the name of ours, and
// the table itself if there is one among them that we do not make: then it is
// another program's.
func (l *look) ownTables(chains map[ipset.Family][]xtables.Place) {
	for f, all := range chains {
		foreign := false
		chains[f] = slices.DeleteFunc(all, func(p xtables.Place) bool {
			foreign = foreign || p.Table == state.Table && !leftovers.OurChain(p)
			return p.Table == state.Table
		})
		if foreign {
			l.found.NFTables = slices.DeleteFunc(l.found.NFTables, func(t string) bool {
				return t == netfilter.TableName(f, state.Table)
			})
		}
	}
}

func (l *look) dump(ctx context.Context, where leftovers.Where) {
	path, err := xt.Program(ctx, where, "save")
	if err != nil {
		l.unless("rules of "+where.String(), err)
		return
	}
	var out bytes.Buffer
	if err := host.Run(ctx, &out, path, ""); err != nil {
		l.unless("rules of "+where.String(), err)
		return
	}
	rules, err := xtables.Parse(out.String())
	l.unless("rules of "+where.String(), err)
	l.found.Rules[where] = rules
	if tables := xtables.Incompatible(out.String()); len(tables) > 0 {
		l.unless("rules of "+where.String(), fmt.Errorf("%s cannot be read with it", strings.Join(tables, ", ")))
	}
}

func (l *look) servers() (err error) {
	servers, answers, err := l.m.ipvs.AllServers()
	for _, s := range servers {
		if s.Ours || !l.m.excluded(s.Addr.Addr()) {
			l.found.Servers = append(l.found.Servers, s)
		}
	}
	for _, f := range answers {
		l.found.Answers = append(l.found.Answers, ipvs.NameAnswers(f))
	}
	return err
}

func (l *look) addresses() error {
	kind, err := l.m.device.DeviceType()
	if err != nil {
		return err
	}
	if kind == "dummy" {
		l.found.Device = device.Name
	}
	l.found.Bound, l.found.Local, err = l.m.device.AllAddresses()
	return err
}

func (m *Machine) excluded(a netip.Addr) bool {
	for _, p := range m.cfg.ExcludeCIDRs {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
