package plan

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/drain"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var (
	here  = cluster.Endpoint{Addr: netip.MustParseAddrPort("10.244.1.1:53"), Ready: true, Serving: true, Local: true}
	there = cluster.Endpoint{Addr: netip.MustParseAddrPort("10.244.2.1:53"), Ready: true, Serving: true}
	home  = cluster.Node{
		Name: "home", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		NodePortAddresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		HealthAddresses:   []netip.Addr{netip.MustParseAddr("192.0.2.1")},
	}
	usual = Config{Scheduler: "rr", Families: []ipset.Family{ipset.IPv4}, DrainTimeout: time.Minute}
)

// dns is a port with policy Local for clients from outside.
func dns(protocol v1.Protocol, endpoints ...cluster.Endpoint) cluster.Port {
	return cluster.Port{
		Name: cluster.PortName{Service: shop("dns"), Port: "dns"}, Protocol: protocol,
		ClusterIPs: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, IngressIPs: []netip.Addr{netip.MustParseAddr("203.0.113.1")},
		Port: 53, NodePort: 30053, Internal: cluster.Cluster, External: cluster.Local, Endpoints: endpoints,
		Health: cluster.Health{Port: 30054},
	}
}

func planned(ports ...cluster.Port) Result {
	return Service(Ask{Service: shop("dns"), Created: day(1), Ports: ports}, home, usual, NewOwnership(usual.Aliases))
}

func udp(at string) state.VirtualServer {
	return state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: state.UDP}
}

// A flow that was sent to the alias still bears the address that the client
// asked for, and must not be taken for one that no endpoint answers.
func TestFlowsToAliasesAreAnswered(t *testing.T) {
	local, all := []netip.AddrPort{here.Addr}, []netip.AddrPort{here.Addr, there.Addr}
	aliased := func(at string) *state.VirtualServer {
		of := udp(at)
		return &of
	}
	want := []Frontend{
		{Server: udp("10.96.0.1:53"), Origin: ClusterIP, Policy: cluster.Cluster, Bound: true, Held: true, Answering: all},
		{Server: udp("203.0.113.1:53"), Origin: LoadBalancer, Policy: cluster.Local, Bound: true, Held: true, Answering: all},
		{Server: udp("192.0.2.1:30053"), Origin: NodePort, Policy: cluster.Local, Held: true, Answering: all},
		{Server: state.VirtualServer{Addr: netip.MustParseAddrPort("192.0.2.1:30054"), Protocol: state.TCP}, Origin: HealthPort, Policy: cluster.Local, Held: true},
		{Server: udp("251.0.113.1:53"), Of: aliased("203.0.113.1:53"), Origin: LoadBalancer, Policy: cluster.Cluster, Bound: true, Held: true, Answering: all},
		{Server: udp("240.0.2.1:30053"), Of: aliased("192.0.2.1:30053"), Origin: NodePort, Policy: cluster.Cluster, Bound: true, Held: true, Answering: all},
	}
	for i := range want {
		want[i].Port, want[i].Number = "dns", 53
	}
	options := cmp.Options{cmpopts.EquateComparable(netip.AddrPort{}), cmpopts.EquateComparable(state.VirtualServer{})}
	if diff := cmp.Diff(want, planned(dns(v1.ProtocolUDP, here, there)).Frontends, options); diff != "" {
		t.Errorf("UDP (-want +got):\n%s", diff)
	}
	without := usual
	without.Occupied = NewNetworks(map[netip.Prefix]string{netip.MustParsePrefix("240.0.0.0/4"): "others"})
	alone := Service(Ask{Service: shop("dns"), Ports: []cluster.Port{dns(v1.ProtocolUDP, here, there)}}, home, without, NewOwnership(usual.Aliases))
	if diff := cmp.Diff(local, alone.Frontends[1].Answering, options); diff != "" {
		t.Errorf("without an alias (-want +got):\n%s", diff)
	}
	for _, f := range planned(dns(v1.ProtocolTCP, here, there)).Frontends {
		if f.Answering != nil {
			t.Errorf("TCP: %s is answered by %v, which is of no use to anybody", f.Server, f.Answering)
		}
	}
}

// What another Service has is asked for, and not held: no row and no answer belongs
// to it.
func TestFrontendsOfAnother(t *testing.T) {
	o := NewOwnership(usual.Aliases)
	first, second := dns(v1.ProtocolUDP, here), dns(v1.ProtocolUDP, there)
	second.Name.Service, second.ClusterIPs, second.NodePort, second.Health.Port = shop("late"), []netip.Addr{netip.MustParseAddr("10.96.0.2")}, 0, 0
	Service(Ask{Service: shop("dns"), Created: day(1), Ports: []cluster.Port{first}}, home, usual, o)
	r := Service(Ask{Service: shop("late"), Created: day(2), Ports: []cluster.Port{second}}, home, usual, o)
	var held []string
	for _, f := range r.Frontends {
		if f.Virtual() {
			held = append(held, f.Server.String())
		} else if _, there := r.Rows.VirtualServers[f.Server]; there || f.Answering != nil {
			t.Errorf("%s is another's, and has a row or an answer: %v", f.Server, f.Answering)
		}
	}
	if diff := cmp.Diff([]string{"10.96.0.2:53/UDP"}, held); diff != "" || len(r.Frontends) != 3 || len(r.Remarks) != 1 {
		t.Errorf("of %d frontends are held (-want +got):\n%s\nremarks %v", len(r.Frontends), diff, r.Remarks)
	}
}

// Only endpoints on other nodes: counted for each kind of traffic once.
func TestNoLocalEndpoints(t *testing.T) {
	inside := dns(v1.ProtocolTCP, there)
	inside.Internal = cluster.Local
	for _, c := range []struct {
		name string
		port cluster.Port
		want []Traffic
	}{
		{"one here", dns(v1.ProtocolTCP, here, there), nil},
		{"none anywhere", dns(v1.ProtocolTCP), nil},
		{"elsewhere, policy Local for clients from outside", dns(v1.ProtocolTCP, there), []Traffic{{false, ipset.IPv4}}},
		{"elsewhere, policy Local for all", inside, []Traffic{{true, ipset.IPv4}, {false, ipset.IPv4}}},
	} {
		if diff := cmp.Diff(c.want, planned(c.port).NoLocal); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// What a Service says of real servers that leave.
func TestDraining(t *testing.T) {
	leaving := here
	leaving.Terminating = true
	hour := time.Hour
	own := dns(v1.ProtocolTCP, leaving, there)
	own.NodePort, own.IngressIPs, own.DrainTimeout = 0, nil, &hour
	refused := own
	refused.Scheduler.Name = "dh"
	server := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:53"), Protocol: state.TCP}
	terminating := map[state.RealServer]state.None{{VirtualServer: server, Addr: leaving.Addr}: {}}
	for _, c := range []struct {
		name string
		port cluster.Port
		want drain.Service
	}{
		{"by default", dns(v1.ProtocolTCP, here), drain.Service{Timeout: time.Minute}},
		{"its own time", own, drain.Service{Timeout: hour, Terminating: terminating}},
		{"a scheduler that refuses", refused, drain.Service{Terminating: terminating}},
	} {
		if diff := cmp.Diff(c.want, planned(c.port).Draining, cmpopts.EquateComparable(state.RealServer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// A Service that is gone asks for nothing and gives all back.
func TestServiceThatIsGone(t *testing.T) {
	o := NewOwnership(usual.Aliases)
	Service(Ask{Service: shop("dns"), Created: day(1), Ports: []cluster.Port{dns(v1.ProtocolUDP, here)}}, home, usual, o)
	r := Service(Ask{Service: shop("dns")}, home, usual, o)
	if len(r.Frontends) > 0 || len(r.Remarks) > 0 || r.Rows.String() != "" || o.Holder(udp("10.96.0.1:53")).Name != "" {
		t.Errorf("a Service that is gone has %v, rows\n%s", r.Frontends, r.Rows)
	}
}
