//go:build e2e

package kernel

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// A host's firewall that refuses by default lets load balancers in to health
// ports: at addresses of the node and at their own, which is on our device. It
// makes no difference which of our two jumps from INPUT comes first.
func TestHealthPortsAreLetInByAHostThatRefuses(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	if _, err := k.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	kerneltest.Output(t, "iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")
	kerneltest.Output(t, "iptables", "-A", "INPUT", "-p", "tcp", "-j", "REJECT")
	listener, err := net.Listen("tcp4", "0.0.0.0:32000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	node, vip, other := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("127.0.0.3")
	add(t, k.Addresses(), vip)
	add(t, k.Members(), state.Addresses.Holding(ipset.IP(vip)))
	reached := func(want bool, addrs ...netip.Addr) {
		t.Helper()
		for _, a := range addrs {
			dialer := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
			conn, err := dialer.Dial("tcp4", netip.AddrPortFrom(a, 32000).String())
			if err == nil {
				_ = conn.Close()
			}
			if (err == nil) != want {
				t.Errorf("%s: %v; let in should be %t", a, err, want)
			}
		}
	}
	reached(false, node, vip, other)

	at := func(addr netip.Addr) ipset.Entry {
		return ipset.IPPort(netip.AddrPortFrom(addr, 32000), uint8(state.TCP))
	}
	add(t, k.Members(), state.HealthPorts.Holding(at(node)), state.HealthPorts.Holding(at(vip)), state.ServicePorts.Holding(at(vip)))
	reached(true, node, vip)
	reached(false, other)
	kerneltest.Output(t, "iptables", "-D", "INPUT", "-j", "KIPVS-HEALTH")
	kerneltest.Output(t, "iptables", "-I", "INPUT", "2", "-j", "KIPVS-HEALTH")
	reached(true, node, vip)
}

func add[K comparable](t *testing.T, kind reconcile.Kind[K, state.None], keys ...K) {
	t.Helper()
	for _, key := range keys {
		if err := kind.Apply(t.Context(), []reconcile.Op[K, state.None]{{Verb: reconcile.Create, Key: key}})[0]; err != nil {
			t.Fatal(err)
		}
	}
}
