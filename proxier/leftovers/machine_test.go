package leftovers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

var (
	nft4 = Where{NFT, ipset.IPv4}
	nft6 = Where{NFT, ipset.IPv6}
)

// machine is as strict as the kernel: a restore that would take out a rule that
// is not there, or delete a chain that is full or that a rule leads to, changes
// nothing.
type machine struct {
	found Found
	until int // how many more steps may be done; then all fail
}

var errStopped = errors.New("stopped")

func (m *machine) Scan(_ context.Context, scope Scope) Found {
	f := m.found
	f.Scope = scope
	return f
}

func (m *machine) Do(_ context.Context, s Step) error {
	if m.until--; m.until < 0 {
		return errStopped
	}
	switch s.Action {
	case Unhook, EmptyChains, DeleteChains:
		return m.restore(s.Where, s.Input)
	case AdoptServers:
		for i, have := range m.found.Servers {
			m.found.Servers[i].Ours = have.Ours || slices.Contains(s.Servers, have)
		}
	case DeleteServers:
		m.found.Servers = without(m.found.Servers, s.Servers)
	case DeleteAnswers:
		m.found.Answers = without(m.found.Answers, s.Objects)
	case DestroySets:
		return m.destroy(s.Objects)
	case DeleteTables:
		m.found.NFTables = without(m.found.NFTables, s.Objects)
	case DeleteAccounts:
		m.found.Accounts = without(m.found.Accounts, s.Objects)
	case RemoveDevice:
		m.found.Device, m.found.Bound = "", nil
	case RestoreSysctls:
		m.found.Sysctls = without(m.found.Sysctls, s.Sysctls)
	case RestoreTimeouts:
		m.found.Timeouts = without(m.found.Timeouts, s.Sysctls)
	default:
		return fmt.Errorf("unknown action %q", s.Action)
	}
	return nil
}

func without[T comparable](have, gone []T) []T {
	return slices.DeleteFunc(slices.Clone(have), func(t T) bool { return slices.Contains(gone, t) })
}

func (m *machine) destroy(names []string) error {
	for _, dump := range m.found.Rules {
		for p, rules := range dump {
			for _, r := range rules {
				for _, set := range xtables.Sets(r) {
					if slices.Contains(names, set) {
						return fmt.Errorf("set %s is in use by %s: %s", set, p, r)
					}
				}
			}
		}
	}
	m.found.Sets = without(m.found.Sets, names)
	return nil
}

func (m *machine) restore(where Where, input string) error {
	dump := xtables.Dump{}
	for p, rules := range m.found.Rules[where] {
		dump[p] = slices.Clone(rules)
	}
	table := ""
	for line := range strings.Lines(input) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		name, rule, _ := strings.Cut(rest, " ")
		p := xtables.Place{Table: table, Chain: name}
		switch {
		case line[0] == '*':
			table = line[1:]
		case line == "COMMIT":
		case line[0] == ':':
			dump[xtables.Place{Table: table, Chain: verb[1:]}] = nil
		case verb == "-D":
			i := slices.Index(dump[p], rule)
			if i < 0 {
				return fmt.Errorf("%s: no rule %s", p, rule)
			}
			dump[p] = slices.Delete(dump[p], i, i+1)
		case verb == "-X":
			if err := deletable(dump, p); err != nil {
				return err
			}
			delete(dump, p)
		default:
			return fmt.Errorf("cannot read %q", line)
		}
	}
	m.found.Rules[where] = dump
	return nil
}

func deletable(dump xtables.Dump, p xtables.Place) error {
	if rules, there := dump[p]; !there || len(rules) > 0 {
		return fmt.Errorf("%s is not there, or not empty", p)
	}
	for from, rules := range dump {
		for _, r := range rules {
			if from.Table == p.Table && xtables.Target(r) == p.Chain {
				return fmt.Errorf("%s: too many links: %s", p, r)
			}
		}
	}
	return nil
}

// load reads the machine of a scenario.
func load(t *testing.T, archive *txtar.Archive) *machine {
	t.Helper()
	f := Found{Rules: map[Where]xtables.Dump{}, NodePorts: map[NodePort]bool{}}
	for _, file := range archive.Files {
		text := string(file.Data)
		switch lines := strings.Split(strings.TrimSpace(text), "\n"); file.Name {
		case "iptables":
			f.Rules[nft4] = parse(t, text)
		case "ip6tables":
			f.Rules[nft6] = parse(t, text)
		case "sets":
			loadSets(t, &f, lines)
		case "nftables":
			for _, line := range lines {
				if words := strings.Fields(line); words[0] == "table" {
					f.NFTables = append(f.NFTables, words[1]+" "+words[2])
				}
			}
		case "accounts":
			f.Accounts = lines
		case "answers":
			f.Answers = lines
		case "bound":
			f.Device, f.Bound = "kube-ipvs0", addresses(lines)
		case "local":
			f.Local = addresses(lines)
		case "servers":
			for _, line := range lines {
				f.Servers = append(f.Servers, server(t, line))
			}
		}
	}
	return &machine{found: f, until: 1000}
}

func parse(t *testing.T, text string) xtables.Dump {
	t.Helper()
	d, err := xtables.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func loadSets(t *testing.T, f *Found, lines []string) {
	t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		if words[0] == "create" {
			f.Sets = append(f.Sets, words[1])
			continue
		}
		if protocol, ports := NodePortsIn(words[1]); ports {
			var port uint16
			if _, err := fmt.Sscan(words[2][strings.LastIndex(words[2], ":")+1:], &port); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			f.NodePorts[NodePort{protocol, port}] = true
		}
	}
}

func addresses(lines []string) (all []netip.Addr) {
	for _, line := range lines {
		all = append(all, netip.MustParseAddr(line))
	}
	return all
}

// server reads "10.96.0.10:80/TCP rr ours".
func server(t *testing.T, line string) Server {
	t.Helper()
	words := strings.Fields(line)
	at, protocol, _ := strings.Cut(words[0], "/")
	numbers := map[string]state.Protocol{"TCP": state.TCP, "UDP": state.UDP, "SCTP": state.SCTP}
	return Server{
		VirtualServer: state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: numbers[protocol]},
		How:           state.Balancing{Scheduler: words[1]}, Ours: len(words) > 2,
	}
}

// String is what is left, a thing a line, sorted.
func (m *machine) String() string {
	var lines []string
	for where, dump := range m.found.Rules {
		for p, rules := range dump {
			lines = append(lines, fmt.Sprintf("%s %s", where, p))
			for i, r := range rules {
				lines = append(lines, fmt.Sprintf("%s %s %03d %s", where, p, i, r))
			}
		}
	}
	for _, s := range m.found.Servers {
		lines = append(lines, fmt.Sprintf("server %s ours %t", s.VirtualServer, s.Ours))
	}
	for kind, names := range map[string][]string{
		"set": m.found.Sets, "answers": m.found.Answers, "nfacct": m.found.Accounts, "nftables": m.found.NFTables, "device": {m.found.Device},
	} {
		for _, n := range names {
			lines = append(lines, kind+" "+n)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// refusing is a machine that destroys no set.
type refusing struct{ *machine }

func (m refusing) Do(ctx context.Context, s Step) error {
	if s.Action == DestroySets {
		return errors.New("busy")
	}
	return m.machine.Do(ctx, s)
}
