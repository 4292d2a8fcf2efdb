package proxier

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// wide gives Service i as many slices of a thousand endpoints as it takes.
func (c *plain) wide(i, endpoints int) owner {
	const perSlice = 1000
	n := c.put(i, 0)
	name, port, protocol := "http", int32(8080), v1.ProtocolTCP
	c.slices[n] = nil
	for first := 0; first < endpoints; first += perSlice {
		s := &discovery.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: n.Namespace, Name: fmt.Sprintf("%s-%d", n.Name, first)},
			AddressType: discovery.AddressTypeIPv4,
			Ports:       []discovery.EndpointPort{{Name: &name, Port: &port, Protocol: &protocol}},
		}
		for e := first; e < min(first+perSlice, endpoints); e++ {
			s.Endpoints = append(s.Endpoints, discovery.Endpoint{Addresses: []string{fmt.Sprintf("10.%d.%d.%d", e>>16, e>>8&255, e&255)}})
		}
		c.slices[n] = append(c.slices[n], s)
	}
	return n
}

// Nothing of a Service with very many endpoints is left out, and one that moves
// costs two calls. Its whole Service is planned for it, though.
func TestAHundredThousandEndpointsOfOneService(t *testing.T) {
	const many = 100_000
	k := kerneltest.New(netip.MustParseAddr("192.0.2.1"))
	p, api := fullOn(t, k, 1, 1)
	svc := api.wide(0, many)
	pass := func() time.Duration {
		p.with.Changes.Mark(svc, time.Time{})
		begin := time.Now()
		p.report(p.sync(t.Context()))
		return time.Since(begin)
	}
	all := pass()
	if n := len(k.Rows().RealServers); n != many {
		t.Fatalf("%d real servers, want %d", n, many)
	}
	k.Calls()
	moved := api.slices[svc][many/2000]
	moved.Endpoints[7].Addresses[0] = "10.200.0.1"
	one := pass()
	if got, want := k.Calls(), "create real server 1\ndelete real server 1\n"; !strings.HasPrefix(got, want) {
		t.Errorf("one endpoint of %d moved: calls\n%swant\n%s", many, got, want)
	}
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.0:80"), Protocol: state.TCP}
	rs := state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort("10.200.0.1:8080")}
	if n := len(k.Rows().RealServers); n != many || k.Rows().RealServers[rs] != 1 {
		t.Errorf("%d real servers, the new one with weight %d; want %d and 1", n, k.Rows().RealServers[rs], many)
	}
	t.Logf("all of them took %s, one that moved %s", all.Round(time.Millisecond), one.Round(time.Millisecond))
}
