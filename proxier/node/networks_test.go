package node

import (
	"net/netip"
	"testing"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Of the cluster's networks those count that reach into the ranges of in-cluster
// aliases, of all Nodes; a Node that comes elsewhere has nothing planned again.
func TestNetworksAmongAliases(t *testing.T) {
	node := func(cidrs ...string) *v1.Node { return &v1.Node{Spec: v1.NodeSpec{PodCIDRs: cidrs}} }
	pods := []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fdff:244::/32")}
	usual, chosen := state.Aliases{}, state.AliasesIn([]netip.Prefix{netip.MustParsePrefix("100.96.0.0/11")})
	nodes, ranges := []*v1.Node{node("250.1.0.0/24", "fdff:1::/64"), node("10.244.7.0/24"), node("100.100.0.0/24")}, Networks([]string{"10.96.0.0/16", "192.0.0.0/2", "100.0.0.0/8"})
	for _, c := range []struct {
		in   state.Aliases
		want map[netip.Prefix]string
	}{
		{usual, map[netip.Prefix]string{
			netip.MustParsePrefix("fdff:244::/32"): "the network of the cluster's Pods",
			netip.MustParsePrefix("250.1.0.0/24"):  "a network of the Pods of a Node",
			netip.MustParsePrefix("fdff:1::/64"):   "a network of the Pods of a Node",
			netip.MustParsePrefix("192.0.0.0/2"):   "a Service range",
		}},
		{chosen, map[netip.Prefix]string{
			netip.MustParsePrefix("fdff:244::/32"):  "the network of the cluster's Pods",
			netip.MustParsePrefix("fdff:1::/64"):    "a network of the Pods of a Node",
			netip.MustParsePrefix("100.100.0.0/24"): "a network of the Pods of a Node",
			netip.MustParsePrefix("100.0.0.0/8"):    "a Service range",
		}},
	} {
		got := Occupied(c.in, pods, nodes, ranges)
		if !got.Equal(plan.NewNetworks(c.want)) {
			t.Errorf("aliases in %v: occupied are %v, want %v", c.in, got, c.want)
		}
		if !Occupied(c.in, pods, append(nodes, node("10.244.8.0/24")), ranges).Equal(got) {
			t.Errorf("aliases in %v: a Node with Pods elsewhere changes what is occupied", c.in)
		}
	}
}
