package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/device"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/ipvs"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/host"
	"github.com/kube-ipvs/kube-ipvs/proxier/leftovers"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// Scan tells what proxies have put into this machine, as far as the scope is
// about it. It loads no module for the legacy backend, and starts programs only
// to read the rules of a backend and family in which there may be any: at most
// four.
func (k *Kernel) Scan(ctx context.Context, scope leftovers.Scope) leftovers.Found {
	l := &look{k: k, found: leftovers.Found{Scope: scope, Rules: map[leftovers.Where]xtables.Dump{}}}
	l.unless("IP sets", l.sets())
	if scope != leftovers.Adoption {
		l.rules(ctx)
		names, err := k.accounts()
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
	k     *Kernel
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
	r, err := l.k.Records.Read()
	if err != nil {
		return err
	}
	if l.k.cfg.RestoreSysctls {
		l.found.Sysctls = host.Changed(r)
	}
	l.found.Timeouts, err = l.k.ChangedTimeouts(r)
	return err
}

// sets reads names and the ports that virtual servers may listen on.
func (l *look) sets() error {
	sets, err := l.k.beside.sets.Sets()
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
		return l.k.beside.sets.Ports(s.Name)
	}
	entries, err := l.k.beside.sets.Members(s.Name)
	for _, e := range entries {
		numbers = append(numbers, e.Port())
	}
	return numbers, err
}

// rules reads what both backends hold, whichever we write to ourselves.
func (l *look) rules(ctx context.Context) {
	names, err := l.k.nftables()
	l.found.NFTables = names
	l.unless("tables of nftables", err)
	chains, err := l.k.nftChains()
	l.unless("chains of nftables", err)
	anySet := slices.ContainsFunc(l.found.Sets, l.found.Scope.Set)
	for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
		// Of sets one has to know which rules look into them.
		if slices.ContainsFunc(chains[f], l.found.Scope.Chain) || anySet && len(chains[f]) > 0 {
			l.dump(ctx, leftovers.Where{Backend: leftovers.NFT, Family: f})
		}
		any, err := legacyTables(f)
		where := leftovers.Where{Backend: leftovers.Legacy, Family: f}
		l.unless(where.String(), err)
		if any {
			l.dump(ctx, where)
		}
	}
}

func (l *look) dump(ctx context.Context, where leftovers.Where) {
	path, err := backendProgram(ctx, where, "save")
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
	servers, answers, err := l.k.AllServers()
	for _, s := range servers {
		if s.Ours || !l.k.excluded(s.Addr.Addr()) {
			l.found.Servers = append(l.found.Servers, s)
		}
	}
	for _, f := range answers {
		l.found.Answers = append(l.found.Answers, ipvs.NameAnswers(f))
	}
	return err
}

func (l *look) addresses() error {
	kind, err := l.k.DeviceType()
	if err != nil {
		return err
	}
	if kind == "dummy" {
		l.found.Device = device.Name
	}
	l.found.Bound, l.found.Local, err = l.k.AllAddresses()
	return err
}
