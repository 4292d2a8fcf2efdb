package explain

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// machineOf holds a number of virtual servers with real servers each.
func machineOf(virtual, real int) snapshot.Machine {
	m := snapshot.Machine{Rows: state.NewRows()}
	for v := range virtual {
		vs := state.VirtualServer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 96, byte(v >> 8), byte(v)}), 80), Protocol: state.TCP}
		m.Rows.VirtualServers[vs] = state.Balancing{Scheduler: "rr"}
		for r := range real {
			n := v*real + r
			addr := netip.AddrFrom4([4]byte{10, 128 + byte(n>>16), byte(n >> 8), byte(n)})
			m.Rows.RealServers[state.RealServer{VirtualServer: vs, Addr: netip.AddrPortFrom(addr, 8080)}] = 1
		}
	}
	return m
}

// The time of a list follows what is listed.
func BenchmarkList(b *testing.B) {
	for _, virtual := range []int{1_000, 10_000} {
		m := machineOf(virtual, 10)
		b.Run(fmt.Sprintf("%dx10", virtual), func(b *testing.B) {
			for b.Loop() {
				List(m, nil)
			}
		})
	}
}
