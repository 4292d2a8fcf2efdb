//go:build e2e

package kernel_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// host is a process on the host's network that answers as Pods do.
const host = "host"

// walked are Services of all kinds. External addresses end in 100 more.
func walked(s street) (all []cluster.Port) {
	add := func(change func(*cluster.Port), endpoints ...string) {
		p := s.service(uint16(10+len(all)), change, endpoints...)
		for _, ip := range p.IngressIPs {
			bytes := ip.AsSlice()
			bytes[len(bytes)-1] += 100
			external, _ := netip.AddrFromSlice(bytes)
			p.ExternalIPs = append(p.ExternalIPs, external)
		}
		all = append(all, p)
	}
	nets := func(texts ...string) (r cluster.SourceRanges) {
		for _, text := range texts {
			r.Nets = append(r.Nets, netip.MustParsePrefix(text))
		}
		return r
	}
	outside := func(p *cluster.Port) { p.External = cluster.Cluster }
	both := func(change ...func(*cluster.Port)) func(*cluster.Port) {
		return func(p *cluster.Port) {
			for _, c := range change {
				c(p)
			}
		}
	}
	inside := func(p *cluster.Port) { p.Internal = cluster.Local }
	affinity := func(p *cluster.Port) { p.Affinity = time.Hour }
	ranged := func(p *cluster.Port) {
		p.SourceRanges = nets("192.0.2.100/32", "2001:db8:0:2::100/128", "10.244.1.2/32", "fd00:10:244:1::2/128")
	}
	withNode := func(p *cluster.Port) {
		p.SourceRanges = nets("192.0.2.1/32", "2001:db8:0:2::1/128")
	}
	onHost := func(p *cluster.Port) {
		for _, a := range []netip.Addr{s.Node.IPv4, s.Node.IPv6} {
			p.Endpoints = append(p.Endpoints, cluster.Endpoint{
				Addr: netip.AddrPortFrom(a, lab.Port), Ready: true, Serving: true, Local: true,
			})
		}
		slices.SortFunc(p.Endpoints, func(a, b cluster.Endpoint) int { return a.Addr.Compare(b.Addr) })
	}
	add(outside, "p1", "r1")
	add(nil, "p1", "r1")
	add(nil, "r1", "r2")
	add(both(outside, inside), "p1", "r1")
	add(inside, "r1")
	add(both(outside, affinity), "p1", "r1")
	add(affinity, "p1", "r1")
	add(both(outside, onHost), "r1")
	add(onHost, "r1")
	add(both(outside, ranged), "p1", "r1")
	add(ranged, "p1", "r1")
	add(both(outside, withNode), "p1")
	add(outside)
	return all
}

// sent is one packet of the table.
type sent struct {
	client, way string
	protocol    v1.Protocol
	to          netip.AddrPort
}

func (s sent) String() string {
	return fmt.Sprintf("%s to %s %s/%s", s.client, s.way, s.to, s.protocol)
}

// table are the packets of all clients to all ways of the Services, and to what
// no Service has.
func (s street) table(services []cluster.Port) (all []sent) {
	for _, client := range []string{"p1", "p2", "node", "outside", "outside2"} {
		for _, protocol := range []v1.Protocol{lab.TCP, lab.UDP} {
			to := func(way string, port uint16, addrs ...netip.Addr) {
				for _, a := range addrs {
					all = append(all, sent{client, way, protocol, netip.AddrPortFrom(a, port)})
				}
			}
			for _, p := range services {
				to("cluster address", p.Port, p.ClusterIPs...)
				to("load balancer", p.Port, p.IngressIPs...)
				to("external address", p.Port, p.ExternalIPs...)
				to("node port", p.NodePort, s.Node.IPv4, s.Node.IPv6)
			}
			one := services[1]
			for _, ip := range one.IngressIPs {
				alias, _ := state.Aliases{}.Of(state.VirtualServer{Addr: netip.AddrPortFrom(ip, one.Port)})
				to("alias", one.Port, alias.Addr.Addr())
			}
			to("port of the host at a Service", lab.Port, slices.Concat(one.ClusterIPs, one.IngressIPs)...)
			to("port of the host", lab.Port, s.Node.IPv4, s.Node.IPv6)
			to("closed port of the host", 9, s.Node.IPv4, s.Node.IPv6)
			to("unused address", 80, netip.MustParseAddr("10.96.7.1"), netip.MustParseAddr("fd00:10:96::7:1"))
		}
	}
	return all
}

// TestPacketsGoAsWalkSays sends each packet of the table and compares what
// happens with what the tracer says of it, wherever the rules are kept.
func TestPacketsGoAsWalkSays(t *testing.T) {
	for _, backend := range []rules.Backend{rules.IPTables, rules.NFTables} {
		t.Run(string(backend), func(t *testing.T) { goAsWalkSays(t, backend) })
	}
}

func goAsWalkSays(t *testing.T, backend rules.Backend) {
	var services []cluster.Port
	s := openStreet(t, backend, func(s street) []cluster.Port {
		services = walked(s)
		return services
	})
	for _, sysctl := range []string{"net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"} {
		if _, err := s.Node.Run("sysctl", "-w", sysctl); err != nil {
			t.Fatal(err)
		}
	}
	// Aliases are asked for by clients that have a route.
	for _, from := range []string{"outside", "outside2"} {
		for net, via := range map[string]netip.Addr{"246.51.100.0/24": s.Node.IPv4, "fdff:db8:51::/64": s.Node.IPv6} {
			if _, err := s.Namespace(from).Run("ip", "route", "add", net, "via", via.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	server := lab.NewServer(host)
	t.Cleanup(func() { _ = server.Close() })
	for _, a := range []netip.Addr{s.Node.IPv4, s.Node.IPv6} {
		for _, p := range []v1.Protocol{lab.TCP, lab.UDP} {
			if err := server.Listen(s.Node.Namespace, p, netip.AddrPortFrom(a, lab.Port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	table := s.table(services)
	began := time.Now()
	work := make(chan sent)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for p := range work {
				s.compare(p)
			}
		})
	}
	for _, p := range table {
		work <- p
	}
	close(work)
	asking.Wait()
	t.Logf("%d kinds of packets in %s", len(table), time.Since(began))
}

// compare asks until all that Walk says has been seen.
func (s street) compare(p sent) {
	v := s.walk(p)
	want := s.expected(p, v)
	one := v.Outcome == rules.Balanced && s.rows.VirtualServers[v.Decided().Server].Affinity > 0
	seen := map[string]bool{}
	for range 12 {
		got := s.once(p, want)
		seen[got] = true
		if !slices.Contains(want, got) {
			s.Errorf("%s: %s, want %s: %v, decided by %s", p, got, strings.Join(want, " or "), v.Outcome, v.Decided())
			return
		}
		if !one && len(seen) == len(want) || one && len(seen) == 2 {
			break
		}
	}
	if !one && len(seen) < len(want) || one && len(seen) > 1 {
		s.Errorf("%s: %v, want %s (affinity %t)", p, slices.Sorted(maps.Keys(seen)), strings.Join(want, " and "), one)
	}
}

// walk asks the tracer.
func (s street) walk(p sent) rules.Verdict {
	is4 := p.to.Addr().Is4()
	packet := rules.Packet{Protocol: map[v1.Protocol]state.Protocol{lab.TCP: state.TCP, lab.UDP: state.UDP}[p.protocol], Destination: p.to}
	packet.FromNode = p.client == "node"
	for addr, name := range s.names {
		if name == p.client && addr.Is4() == is4 && !packet.FromNode {
			packet.Source = addr
		}
	}
	node := rules.Node{Rows: s.rows, Addresses: []netip.Addr{s.Node.IPv4, s.Node.IPv6}}
	return rules.Walk(rules.For(ipset.FamilyOf(p.to.Addr()), streetRules), node, packet)
}

// expected is what a client meets if the tracer is right: "p1 to node", each of
// several, or "dropped" or "refused".
func (s street) expected(p sent, v rules.Verdict) (all []string) {
	switch v.Outcome {
	case rules.Balanced:
		for _, each := range v.Servers {
			all = append(all, s.expected(p, each)...)
		}
		return all
	case rules.Dropped, rules.Refused:
		return []string{string(v.Outcome)}
	case rules.Delivered:
		if v.Packet.Destination.Port() != lab.Port {
			return []string{string(rules.Refused)}
		}
	}
	client, answers := p.client, s.names[v.Packet.Destination.Addr()]
	if v.Masqueraded {
		client = "node"
	}
	if answers == "node" {
		answers = host
	}
	return []string{answers + " to " + client}
}

// once sends one packet, and more of its connection.
func (s street) once(p sent, want []string) string {
	patience := 10 * time.Second
	if slices.Contains(want, string(rules.Dropped)) {
		patience = 300 * time.Millisecond
	}
	switch answer, err := lab.Ask(s.Namespace(p.client), p.protocol, p.to, patience); {
	case err == nil:
		return answer.Pod + " to " + s.names[answer.Client]
	case errors.Is(err, lab.ErrTimeout):
		return string(rules.Dropped)
	case errors.Is(err, lab.ErrRefused):
		return string(rules.Refused)
	case errors.Is(err, syscall.EPERM):
		// The node's own datagrams are forbidden whether a rule drops or refuses them.
		if want[0] == string(rules.Dropped) || want[0] == string(rules.Refused) {
			return want[0]
		}
		return err.Error()
	default:
		return err.Error()
	}
}
