package proxier_test

import (
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestNothingIsOursTooSoon looks after each kernel call whether our rules take
// new connections for ours, past a kube-proxy that served them until then,
// before there is an endpoint to answer; or refuse what is to be served.
func TestNothingIsOursTooSoon(t *testing.T) {
	frontends := []state.VirtualServer{
		{Addr: netip.MustParseAddrPort("203.0.113.1:80"), Protocol: state.TCP},
		{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP},
	}
	served := map[state.VirtualServer]bool{} // later it goes, and is refused then
	inOrder(t, func(rows state.Rows) {
		for _, frontend := range frontends {
			switch how := taken(rows, frontend); how {
			case "":
			case "served":
				served[frontend] = true
			default:
				if !served[frontend] {
					t.Errorf("%s is %s:\n%s", frontend, how, rows)
				}
			}
		}
	}, balancedBy("Cluster", here))
	if len(served) < len(frontends) {
		t.Errorf("served are only %v", served)
	}
}

// taken says what our rules do with a new connection from outside: leave it to
// others (""), or take it.
func taken(rows state.Rows, frontend state.VirtualServer) string {
	known := has(rows.Members, state.ServicePorts.Holding(ipset.IPPort(frontend.Addr, uint8(frontend.Protocol))))
	ours := has(rows.Members, state.Addresses.Holding(ipset.IP(frontend.Addr.Addr())))
	switch {
	case ours && !known:
		return "refused"
	case !known:
		return ""
	}
	for rs := range rows.RealServers {
		if rs.VirtualServer == frontend {
			return "served"
		}
	}
	return "taken, and no endpoint answers"
}
