package plan

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
)

func frontLines(frontends []frontend) (all []string) {
	for _, f := range frontends {
		line := fmt.Sprintf("%s %s %s bind=%t %s", f.Origin.Field(), f.Server, f.Policy, f.Bind, f.Sets)
		if f.Precedence == Alias {
			line += " of " + f.Of.String()
		}
		all = append(all, line)
	}
	return all
}

func TestFrontends(t *testing.T) {
	addrs := func(texts ...string) (all []netip.Addr) {
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	both := Config{Families: []ipset.Family{ipset.IPv4, ipset.IPv6}}
	node := cluster.Node{Addresses: addrs("192.0.2.10", "192.0.2.11", "252.0.2.12"), NodePortAddresses: addrs("192.0.2.10", "2001:db8::10")}
	port := cluster.Port{
		Protocol:    v1.ProtocolTCP,
		ClusterIPs:  addrs("10.96.0.1"),
		ExternalIPs: addrs("198.51.100.80"),
		IngressIPs:  addrs("203.0.113.1"),
		Port:        80,
		NodePort:    30080,
		Internal:    cluster.Cluster,
		External:    cluster.Cluster,
	}
	for _, c := range []struct {
		name   string
		change func(*cluster.Port)
		want   []string
	}{{
		name:   "one of each",
		change: func(*cluster.Port) {},
		want: []string{
			"spec.clusterIPs 10.96.0.1:80/TCP Cluster bind=true [CLUSTER SERVICES]",
			"status.loadBalancer.ingress 203.0.113.1:80/TCP Cluster bind=true [MASQUERADE SERVICES]",
			"spec.externalIPs 198.51.100.80:80/TCP Cluster bind=true [MASQUERADE SERVICES]",
			"spec.ports.nodePort 192.0.2.10:30080/TCP Cluster bind=false [MASQUERADE NODEPORTS]",
		},
	}, {
		name:   "B35 external policy",
		change: func(p *cluster.Port) { p.External = cluster.Local },
		want: []string{
			"spec.clusterIPs 10.96.0.1:80/TCP Cluster bind=true [CLUSTER SERVICES]",
			"status.loadBalancer.ingress 203.0.113.1:80/TCP Local bind=true [SERVICES]",
			"spec.externalIPs 198.51.100.80:80/TCP Local bind=true [SERVICES]",
			"spec.ports.nodePort 192.0.2.10:30080/TCP Local bind=false [NODEPORTS]",
			"status.loadBalancer.ingress 251.0.113.1:80/TCP Cluster bind=true [SERVICES ALIASES] of 203.0.113.1:80/TCP",
			"spec.externalIPs 246.51.100.80:80/TCP Cluster bind=true [SERVICES ALIASES] of 198.51.100.80:80/TCP",
			"spec.ports.nodePort 240.0.2.10:30080/TCP Cluster bind=true [SERVICES ALIASES] of 192.0.2.10:30080/TCP",
		},
	}, {
		name: "B36 internal policy",
		change: func(p *cluster.Port) {
			p.Internal, p.ExternalIPs, p.IngressIPs, p.NodePort = cluster.Local, nil, nil, 0
		},
		want: []string{"spec.clusterIPs 10.96.0.1:80/TCP Local bind=true [CLUSTER SERVICES]"},
	}, {
		name: "an address given twice is one frontend, that of the cluster before all others",
		change: func(p *cluster.Port) {
			p.ExternalIPs, p.IngressIPs, p.External = addrs("10.96.0.1", "203.0.113.1"), addrs("203.0.113.1"), cluster.Local
			p.NodePort = 0
		},
		want: []string{
			"spec.clusterIPs 10.96.0.1:80/TCP Cluster bind=true [CLUSTER SERVICES]",
			"status.loadBalancer.ingress 203.0.113.1:80/TCP Local bind=true [SERVICES]",
			"status.loadBalancer.ingress 251.0.113.1:80/TCP Cluster bind=true [SERVICES ALIASES] of 203.0.113.1:80/TCP",
		},
	}, {
		name: "B155 the node's own addresses",
		change: func(p *cluster.Port) {
			p.ExternalIPs, p.IngressIPs, p.NodePort = addrs("192.0.2.10"), addrs("192.0.2.11"), 0
		},
		want: []string{"spec.clusterIPs 10.96.0.1:80/TCP Cluster bind=true [CLUSTER SERVICES]"},
	}, {
		name: "an alias that would be the node's own, or that the Service has as an address",
		change: func(p *cluster.Port) {
			p.External, p.NodePort = cluster.Local, 0
			p.ExternalIPs, p.IngressIPs = addrs("12.0.2.12", "203.0.113.1"), addrs("251.0.113.1")
		},
		want: []string{
			"spec.clusterIPs 10.96.0.1:80/TCP Cluster bind=true [CLUSTER SERVICES]",
			"status.loadBalancer.ingress 251.0.113.1:80/TCP Local bind=true [SERVICES]",
			"spec.externalIPs 12.0.2.12:80/TCP Local bind=true [SERVICES]",
			"spec.externalIPs 203.0.113.1:80/TCP Local bind=true [SERVICES]",
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			p := port
			c.change(&p)
			frontends, _ := frontendsOf([]cluster.Port{p}, node, both)
			if diff := cmp.Diff(c.want, frontLines(frontends)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Several ports on an address that is left to the node: one remark to a field.
func TestOneRemarkToAnAddress(t *testing.T) {
	own, ip := []netip.Addr{netip.MustParseAddr("192.0.2.10")}, []netip.Addr{netip.MustParseAddr("10.96.0.1")}
	alone := cluster.Port{Protocol: v1.ProtocolTCP, Port: 80, ClusterIPs: ip, ExternalIPs: own}
	twice := cluster.Port{Protocol: v1.ProtocolUDP, Port: 80, ClusterIPs: ip, IngressIPs: own}
	node, cfg := cluster.Node{Addresses: own}, Config{Families: []ipset.Family{ipset.IPv4}}
	other := alone
	other.Port = 443
	frontends, remarks := frontendsOf([]cluster.Port{alone, twice, other}, node, cfg)
	if len(frontends) != 3 || len(remarks) != 2 {
		t.Errorf("got %d frontends and remarks %v, want 3 and two", len(frontends), remarks)
	}
}
