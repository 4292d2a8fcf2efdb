package proxier

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// A flow that was sent to the alias still bears the address that the client
// asked for, and must not be taken for one that nobody answers.
func TestFlowsToAliasesAreAnswered(t *testing.T) {
	at := netip.MustParseAddrPort
	here, there := at("10.244.1.1:53"), at("10.244.2.1:53")
	lb := state.VirtualServer{Addr: at("203.0.113.1:53"), Protocol: state.UDP}
	cluster := state.VirtualServer{Addr: at("10.96.0.1:53"), Protocol: state.UDP}
	alias, _ := state.Aliases{}.Of(lb)
	rows := state.NewRows()
	given := backends{lb: {here}, alias: {there, here}, cluster: {there}}
	for vs, real := range given {
		rows.VirtualServers[vs] = state.Balancing{}
		for _, addr := range real {
			rows.RealServers[state.RealServer{VirtualServer: vs, Addr: addr}] = 1
		}
	}
	rows.Members[state.Aliased.Holding(ipset.IPPort(lb.Addr, uint8(lb.Protocol)))] = state.None{}
	want := backends{lb: {here, there}, alias: {here, there}, cluster: {there}}
	if diff := cmp.Diff(want, answering(rows, state.Aliases{}), cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
