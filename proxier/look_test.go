package proxier_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/explain"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
	"github.com/kube-ipvs/kube-ipvs/proxier/xtables"
)

// looks are the commands of scripts that look at a daemon and its machine, as
// those of the command line do. Others look from outside of a pass, so they are
// not asked while calls fail.
//
//	list FILE             what kube-ipvs list prints
//	status FILE           what kube-ipvs status prints
//	diff FILE             what kube-ipvs diff prints
//	trace TARGET FILE     what kube-ipvs trace prints
//	from CLIENT TARGET FILE  the same for one client
//	alone TARGET FILE     the same, without a daemon
//	check FILE            what kube-ipvs check prints
//	broken WHAT           the machine is so from now on; "broken" alone: it is well again
func (s *script) look(words []string) error {
	if s.faults {
		return nil
	}
	target, file := snapshot.All, words[len(words)-1]
	if len(words) > 2 {
		target = words[len(words)-2]
	}
	switch words[0] {
	case "list":
		m, d := s.views(snapshot.All)
		s.same(file, explain.List(m, &d))
	case "status":
		m, d := s.views("")
		s.same(file, explain.Status(m, d, explain.Style{}))
	case "diff":
		m, d := s.views(snapshot.All)
		s.same(file, explain.Diff(m, &d))
	case "trace", "from", "alone":
		at, err := explain.ParseTarget(target)
		if words[0] == "from" {
			at.From, err = explain.ParseClient(words[1])
		}
		if err != nil {
			return err
		}
		m, d := s.views(at.Question().Services)
		daemon := &d
		if words[0] == "alone" {
			daemon = nil
		}
		text, _ := explain.Trace(m, daemon, at, explain.Style{})
		s.same(file, text)
	case "check":
		m, d := s.views("")
		text, _ := explain.Report(explain.Check(m, &d, explain.Requirements{Scheduler: "rr", API: netip.MustParseAddr("10.96.0.1")}), explain.Style{})
		s.same(file, text)
	case "broken":
		s.broken = strings.Join(words[1:], " ")
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

func (s *script) views(services string) (snapshot.Machine, snapshot.Daemon) {
	m := s.kernel.Machine()
	breaks[s.broken](&m)
	d, err := s.proxier.Snapshot(s.t.Context(), snapshot.Question{Services: services})
	if err != nil {
		s.t.Error(err)
	}
	d.Version, d.Rules = "v1.0.0", &rules.Config{Mark: 0x4000, Pods: rules.Pods{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}}}
	return m, d
}

// breaks are machines on which something is not as it should be.
var breaks = map[string]func(*snapshot.Machine){
	"": func(*snapshot.Machine) {},
	"module unloaded": func(m *snapshot.Machine) {
		*m = snapshot.Machine{Release: m.Release, Sysctls: m.Sysctls, Modules: map[string]snapshot.Module{"ip_vs": snapshot.Available}}
	},
	"module missing": func(m *snapshot.Machine) {
		*m = snapshot.Machine{Release: m.Release, Sysctls: m.Sysctls, Modules: map[string]snapshot.Module{"ip_vs": snapshot.Missing, "ip_vs_rr": snapshot.Missing}}
	},
	"sysctl": func(m *snapshot.Machine) { m.Sysctls["net.ipv4.vs.conntrack"] = "0" },
	"rule": func(m *snapshot.Machine) {
		m.Tables[0].Dump[xtables.Place{Table: "nat", Chain: "KUBE-SERVICES"}] = nil
		m.Tables[0].Dump[xtables.FilterInput] = []string{
			`-d 10.96.0.1/32 -p tcp -m comment --comment "shop/web has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable`,
			"-s 192.0.2.99/32 -j DROP",
		}
	},
	"foreign server": func(m *snapshot.Machine) {
		at := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
		delete(m.Rows.VirtualServers, at)
		maps.DeleteFunc(m.Rows.RealServers, func(rs state.RealServer, _ state.Weight) bool { return rs.VirtualServer == at })
		m.Foreign.VirtualServers = map[state.VirtualServer]state.Balancing{at: {Scheduler: "wrr"}}
		m.Foreign.RealServers = map[state.RealServer]state.Weight{{VirtualServer: at, Addr: netip.MustParseAddrPort("203.0.113.9:80")}: 5}
	},
	"short time-out": func(m *snapshot.Machine) {
		m.TCPTimeout, m.Sysctls["net.ipv4.tcp_keepalive_time"] = 15*time.Minute, "7200"
	},
	"connections": func(m *snapshot.Machine) {
		for rs := range m.Rows.RealServers {
			m.Connections[rs] = snapshot.Connections{Active: 3, Inactive: 12}
		}
	},
	"neighbours": func(m *snapshot.Machine) {
		m.Processes = []snapshot.Process{{ID: 7, Name: "kube-proxy"}, {ID: 8, Name: "speaker"}}
		m.Sysctls["net.ipv4.conf.all.arp_ignore"] = "0"
		m.Sysctls["net.ipv4.conf.all.route_localnet"] = "1"
		m.Nodes = append(m.Nodes, netip.MustParseAddr("10.96.0.1"))
	},
}

// A daemon that has not begun says at once what it waits for, since when, and why
// that takes so long; so does one that has ended.
func TestADaemonThatHasNotBegunSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, nil)
		says := func(want string) {
			t.Helper()
			synctest.Wait()
			begin := time.Now()
			d, err := s.proxier.Snapshot(t.Context(), snapshot.Question{Services: snapshot.All})
			if took := time.Since(begin); err != nil || took > 0 {
				t.Errorf("after %s: %v", took, err)
			}
			got := ""
			if d.Waiting != nil {
				got = explain.Waits(d)
			}
			if !regexp.MustCompile("^"+want+"$").MatchString(got) || d.Node != "node-a" || len(d.Families) != 2 {
				t.Errorf("it %q, want %q: %+v", got, want, d)
			}
		}
		s.kernel.Fail("prepare", 1)
		s.kernel.Fail("list member", 1000)
		answer := make(chan struct{})
		s.health = health.New(time.Minute, "IPv4")
		api := late{s.api, func() { <-answer }}
		s.proxier = proxier.New(s.cfg, proxier.Parts{
			API: api, Changes: api.changes, Kernel: s.kernel, Health: s.health, Events: api, HealthPorts: s.kernel.HealthPorts(),
		})
		says("has waited 0s for its start")
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.proxier.Run(ctx) }()
		says(`has waited 0s for this machine \(prepare the kernel\), the last try: failed on demand`)
		time.Sleep(5 * time.Minute)
		says(`has waited 4m59\S*s for this machine \(read the kernel\), the last try: list every set member: failed on demand`)
		s.kernel.Fail("list member", 0)
		time.Sleep(time.Minute)
		says(`has waited \S+s for the API server`)
		close(answer)
		says("")
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		says("has waited 0s for its end")
	})
}
