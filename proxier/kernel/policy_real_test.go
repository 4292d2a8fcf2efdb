//go:build e2e

package kernel_test

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// street is the lab with our rules and these Services on its node.
type street struct {
	*lab.Lab
	*testing.T
	names   map[netip.Addr]string // of clients
	rows    state.Rows            // all that is in the kernel
	backend rules.Backend         // of the rules
}

// service is one port with addresses of both families that end in number, and
// node port 30000+number.
func (s street) service(number uint16, change func(*cluster.Port), pods ...string) cluster.Port {
	p := cluster.Port{
		Name:       cluster.PortName{Service: types.NamespacedName{Namespace: "lab", Name: fmt.Sprint(number)}},
		ClusterIPs: []netip.Addr{numbered("10.96.0.", number), numbered("fd00:10:96::", number)},
		IngressIPs: []netip.Addr{numbered("198.51.100.", number), numbered("2001:db8:51::", number)},
		Port:       80,
		NodePort:   30000 + number,
		Internal:   cluster.Cluster,
		External:   cluster.Local,
	}
	for _, name := range pods {
		pod := s.Pod(name)
		for _, addr := range []netip.Addr{pod.IPv4, pod.IPv6} {
			p.Endpoints = append(p.Endpoints, cluster.Endpoint{
				Addr: netip.AddrPortFrom(addr, lab.Port), Ready: true, Serving: true, Local: strings.HasPrefix(name, "p"),
			})
		}
	}
	slices.SortFunc(p.Endpoints, func(a, b cluster.Endpoint) int { return a.Addr.Compare(b.Addr) })
	if change != nil {
		change(&p)
	}
	return p
}

func numbered(text string, number uint16) netip.Addr {
	return netip.MustParseAddr(fmt.Sprint(text, number))
}

// openStreet makes node serve the Services, each in every protocol.
func openStreet(t *testing.T, backend rules.Backend, services func(street) []cluster.Port) street {
	l, err := lab.New(lab.Options{Outsiders: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := street{Lab: l, T: t, backend: backend, rows: state.NewRows(), names: map[netip.Addr]string{
		l.Node.IPv4: "node", l.Node.IPv6: "node",
		netip.MustParseAddr("192.0.2.100"): "outside", netip.MustParseAddr("2001:db8:0:2::100"): "outside",
		netip.MustParseAddr("192.0.2.101"): "outside2", netip.MustParseAddr("2001:db8:0:2::101"): "outside2",
	}}
	for _, p := range slices.Concat(l.Node.Pods, l.Node2.Pods) {
		s.names[p.IPv4], s.names[p.IPv6] = p.Name, p.Name
	}
	own := []netip.Addr{l.Node.IPv4, l.Node.IPv6}
	node := cluster.Node{Name: "node", Addresses: own, NodePortAddresses: own}
	cfg := plan.Config{Scheduler: "rr", Families: []ipset.Family{ipset.IPv4, ipset.IPv6}}
	s.add(plan.RangeRows([]netip.Prefix{lab.ClusterRange4, lab.ClusterRange6}))
	s.add(plan.PodRows([]netip.Prefix{l.Node.PodRange4, l.Node.PodRange6}))
	ownership := plan.NewOwnership(state.Aliases{})
	for _, p := range services(s) {
		var ports []cluster.Port
		for _, protocol := range lab.Protocols() {
			p.Protocol = protocol
			ports = append(ports, p)
		}
		s.add(plan.Service(plan.Ask{Service: p.Name.Service, Ports: ports}, node, cfg, ownership).Rows)
	}
	if err := l.Node.Do(s.serve); err != nil {
		t.Fatal(err)
	}
	return s
}

var streetRules = rules.Config{
	Mark: 0x4000,
	Pods: rules.Pods{CIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/48")}},
}

func (s street) add(rows state.Rows) {
	maps.Copy(s.rows.Members, rows.Members)
	maps.Copy(s.rows.VirtualServers, rows.VirtualServers)
	maps.Copy(s.rows.RealServers, rows.RealServers)
	maps.Copy(s.rows.Addresses, rows.Addresses)
}

// open is a kernel of the node, for a daemon that is told this much.
func (s street) open(accept rules.AcceptMode) (*kernel.Kernel, error) {
	k, err := kernel.Open(kernel.Config{
		Backend: s.backend, Scheduler: "rr", Rules: streetRules, Accept: accept,
	})
	if err == nil {
		s.Cleanup(func() { _ = k.Close() })
	}
	return k, err
}

// prepare is what such a daemon does at its start.
func (s street) prepare(accept rules.AcceptMode) error {
	k, err := s.open(accept)
	if err == nil {
		_, err = k.Prepare(s.Context())
	}
	return err
}

func (s street) serve() error {
	k, err := s.open(rules.AcceptAuto)
	if err != nil {
		return err
	}
	_, err = k.Prepare(s.Context())
	left, failed := k.Host(s.Context())
	return errors.Join(append(left, failed, err,
		create(s, k.Members(), s.rows.Members), create(s, k.VirtualServers(), s.rows.VirtualServers),
		create(s, k.RealServers(), s.rows.RealServers), create(s, k.Addresses(), s.rows.Addresses))...)
}

func create[K, V comparable](s street, kind reconcile.Kind[K, V], rows map[K]V) error {
	var ops []reconcile.Op[K, V]
	for k, v := range rows {
		ops = append(ops, reconcile.Op[K, V]{Verb: reconcile.Create, Key: k, Value: v})
	}
	return errors.Join(kind.Apply(s.Context(), ops)...)
}

// ask sends four questions and tells who answered, whom they saw, or what
// went wrong: "p1 to outside, r1 to node".
func (s street) ask(q question, protocol v1.Protocol, to netip.AddrPort) string {
	times, patience := 4, 10*time.Second
	switch q.want {
	case "dropped":
		patience = 300 * time.Millisecond
	case "refused":
		times = 1 // the kernel limits how often it says so
	}
	seen := map[string]bool{}
	for range times {
		switch answer, err := lab.Ask(s.Namespace(q.client), protocol, to, patience); {
		case errors.Is(err, lab.ErrTimeout):
			seen["dropped"] = true
		case errors.Is(err, lab.ErrRefused):
			seen["refused"] = true
		case errors.Is(err, syscall.EPERM):
			seen[forbidden] = true
		case err != nil:
			seen[err.Error()] = true
		default:
			seen[answer.Pod+" to "+s.names[answer.Client]] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

// forbidden is what the node's own datagrams are whether a rule drops or
// refuses them.
const forbidden = "forbidden"

// question is who asks which Service by which of its ways.
type question struct {
	client, way string
	number      uint16
	want        string
}

func (q question) to(family ipset.Family) netip.AddrPort {
	way := map[string]map[ipset.Family]string{
		"cluster": {ipset.IPv4: "10.96.0.%d", ipset.IPv6: "fd00:10:96::%d"},
		"lb":      {ipset.IPv4: "198.51.100.%d", ipset.IPv6: "2001:db8:51::%d"},
		"alias":   {ipset.IPv4: "246.51.100.%d", ipset.IPv6: "fdff:db8:51::%d"},
		"port":    {ipset.IPv4: "192.0.2.1", ipset.IPv6: "2001:db8:0:2::1"},
		"unused":  {ipset.IPv4: "10.96.7.%d", ipset.IPv6: "fd00:10:96::7:%d"},
	}[q.way][family]
	if q.way == "port" {
		return netip.AddrPortFrom(netip.MustParseAddr(way), 30000+q.number)
	}
	return netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf(way, q.number)), 80)
}

const (
	bothHere, noneHere, ranged, rangedNode, rangedLocal, insideOnly, sticky = 10, 20, 30, 40, 50, 60, 70
)

// TestPoliciesWithPackets asks real packets what the rules make of policies,
// source ranges and addresses that no host has.
func TestPoliciesWithPackets(t *testing.T) {
	ranges := func(texts ...string) (r cluster.SourceRanges) {
		for _, text := range texts {
			r.Nets = append(r.Nets, netip.MustParsePrefix(text))
		}
		return r
	}
	forOutside := []string{"192.0.2.100/32", "2001:db8:0:2::100/128"}
	s := openStreet(t, rules.IPTables, func(s street) []cluster.Port {
		return []cluster.Port{
			s.service(bothHere, nil, "p1", "r1"),
			s.service(noneHere, nil, "r1", "r2"),
			s.service(ranged, func(p *cluster.Port) {
				p.External, p.SourceRanges = cluster.Cluster, ranges(forOutside...)
			}, "p1", "r1"),
			s.service(rangedNode, func(p *cluster.Port) {
				p.External, p.SourceRanges = cluster.Cluster, ranges("192.0.2.1/32", "2001:db8:0:2::1/128")
			}, "p1", "r1"),
			s.service(rangedLocal, func(p *cluster.Port) {
				p.SourceRanges = ranges(append(forOutside, "10.244.1.2/32", "fd00:10:244:1::2/128")...)
			}, "p1", "r1"),
			s.service(insideOnly, func(p *cluster.Port) { p.Internal = cluster.Local }, "r1"),
			s.service(sticky, func(p *cluster.Port) { p.Affinity = time.Hour }, "p1", "r1"),
		}
	})
	for _, q := range []question{
		{"outside", "lb", bothHere, "p1 to outside"},
		{"outside", "port", bothHere, "p1 to outside"},
		{"p2", "alias", bothHere, "dropped"},
		{"p2", "lb", bothHere, "p1 to p2, r1 to p2"},
		{"p2", "port", bothHere, "p1 to p2, r1 to p2"},
		{"p1", "lb", bothHere, "p1 to node, r1 to p1"},
		{"node", "lb", bothHere, "p1 to node, r1 to node"},
		{"node", "port", bothHere, "p1 to node, r1 to node"},
		{"r2", "port", bothHere, "p1 to node, r1 to node"},
		{"r1", "port", noneHere, "r1 to node, r2 to node"},
		{"p2", "cluster", bothHere, "p1 to p2, r1 to p2"},

		{"outside", "lb", noneHere, "dropped"},
		{"outside", "port", noneHere, "dropped"},
		{"p2", "lb", noneHere, "r1 to p2, r2 to p2"},
		{"p2", "port", noneHere, "r1 to p2, r2 to p2"},
		{"node", "lb", noneHere, "r1 to node, r2 to node"},
		{"node", "port", noneHere, "r1 to node, r2 to node"},

		{"outside", "lb", ranged, "p1 to node, r1 to node"},
		{"outside2", "lb", ranged, "dropped"},
		{"outside2", "port", ranged, "p1 to node, r1 to node"},
		{"p2", "lb", ranged, "dropped"},
		{"p2", "cluster", ranged, "p1 to p2, r1 to p2"},
		{"node", "lb", ranged, "dropped"},
		{"node", "cluster", ranged, "p1 to node, r1 to node"},
		{"node", "lb", rangedNode, "p1 to node, r1 to node"},
		{"outside", "lb", rangedNode, "dropped"},

		{"outside", "lb", rangedLocal, "p1 to outside"},
		{"outside2", "lb", rangedLocal, "dropped"},
		{"p2", "lb", rangedLocal, "p1 to p2, r1 to p2"},
		{"p3", "lb", rangedLocal, "dropped"},
		{"node", "lb", rangedLocal, "dropped"},

		{"p2", "cluster", insideOnly, "dropped"},
		{"node", "cluster", insideOnly, "dropped"},

		{"p2", "lb", sticky, "p1 to p2 | r1 to p2"},
		{"node", "port", sticky, "p1 to node | r1 to node"},

		{"p2", "unused", 1, "refused"},
		{"node", "unused", 1, "refused"},
		{"outside", "unused", 1, "refused"},
	} {
		for _, protocol := range lab.Protocols() {
			for _, family := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
				got := s.ask(q, protocol, q.to(family))
				if got == forbidden && q.client == "node" && (q.want == "dropped" || q.want == "refused") {
					continue
				}
				if !slices.Contains(strings.Split(q.want, " | "), got) {
					t.Errorf("%s asks %s %s/%s: %s, want %s", q.client, q.way, q.to(family), protocol, got, q.want)
				}
			}
		}
	}
}
