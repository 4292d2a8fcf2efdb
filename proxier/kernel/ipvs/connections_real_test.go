//go:build e2e

package ipvs

import (
	"net"
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestConnectionsAreCounted opens some to one of two real servers.
func TestConnectionsAreCounted(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	busy := state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort("10.244.1.1:8080")}
	idle := state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort("10.244.1.2:8080")}
	for _, a := range []string{"10.96.0.1/32", "10.244.1.1/32"} {
		kerneltest.Output(t, "ip", "address", "add", a, "dev", "lo")
	}
	l, err := net.Listen("tcp4", busy.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := k.VirtualServers().Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: vs, Value: state.Balancing{Scheduler: "rr"}},
	})[0]; err != nil {
		t.Fatal(err)
	}
	for rs, w := range map[state.RealServer]state.Weight{busy: 1, idle: 0} {
		if err := k.RealServers().Apply(t.Context(), []reconcile.Op[state.RealServer, state.Weight]{
			{Verb: reconcile.Create, Key: rs, Value: w},
		})[0]; err != nil {
			t.Fatal(err)
		}
	}
	const open = 3
	for range open {
		c, err := net.Dial("tcp4", vs.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	counts, err := k.Connections(t.Context(), []state.RealServer{busy, idle})
	if err != nil || counts[busy] != open || counts[idle] != 0 {
		t.Errorf("connections: %v, %v; want %d of %s", counts, err, open, busy)
	}
}
