package state_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func server(addr string, p state.Protocol) state.VirtualServer {
	return state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: p}
}

// everyKind has rows of all five kinds.
func everyKind() state.Rows {
	web, web6 := server("10.96.0.1:80", state.TCP), server("[fd00::1]:80", state.SCTP)
	rows := state.NewRows()
	rows.VirtualServers[web] = state.Balancing{Scheduler: "mh", Flags: state.Fallback | state.HashPort, Affinity: 3 * time.Hour}
	rows.VirtualServers[web6] = state.Balancing{Scheduler: "rr", Flags: 0x40}
	rows.RealServers[state.RealServer{VirtualServer: web, Addr: netip.MustParseAddrPort("10.244.1.1:8080")}] = 1
	rows.Addresses[web6.Addr.Addr()] = state.None{}
	rows.Members[state.Hairpin.Holding(ipset.IPPortIP(web6.Addr, uint8(web6.Protocol), web6.Addr.Addr()))] = state.None{}
	rows.HealthPorts[netip.MustParseAddrPort("0.0.0.0:32000")] = state.Ready{Namespace: "shop", Name: "cart", Local: 2}
	return rows
}

func TestRowsPrintAsLines(t *testing.T) {
	rows := everyKind()
	want := `address fd00::1
health port 0.0.0.0:32000 shop/cart 2 local
member KIPVS6-HAIRPIN fd00::1,sctp:80,fd00::1
real server 10.96.0.1:80/TCP -> 10.244.1.1:8080 weight 1
virtual server 10.96.0.1:80/TCP mh fallback,port affinity 3h0m0s
virtual server [fd00::1]:80/SCTP rr 0x40
`
	if got := rows.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestOrder(t *testing.T) {
	sorted := []state.VirtualServer{
		server("10.0.0.1:80", state.TCP), server("10.0.0.1:80", state.UDP), server("10.0.0.1:81", state.TCP),
		server("10.0.0.2:1", state.TCP), server("[fd00::1]:1", state.TCP),
	}
	shuffled := []state.VirtualServer{sorted[3], sorted[1], sorted[4], sorted[0], sorted[2]}
	slices.SortFunc(shuffled, state.VirtualServer.Compare)
	if !slices.Equal(shuffled, sorted) {
		t.Errorf("sorted to %v", shuffled)
	}
}

// The kernel takes names of sets up to 31 bytes.
func TestSetNames(t *testing.T) {
	for _, s := range state.Sets() {
		for _, f := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			if name := s.Name(f); len(name) > 31 {
				t.Errorf("%s has %d bytes", name, len(name))
			}
		}
	}
	if state.ServicePorts.Name(ipset.IPv4) == state.ServicePorts.Name(ipset.IPv6) {
		t.Error("the families share a name")
	}
}
