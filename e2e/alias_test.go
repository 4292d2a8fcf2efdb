//go:build e2e

package e2e

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// TestAPodWhereAnAliasWouldBe has a Pod elsewhere with the very addresses of a
// Service's in-cluster aliases, as a cluster with Pods in 240.0.0.0/4 may.
func TestAPodWhereAnAliasWouldBe(t *testing.T) {
	s := shared.space(t)
	lb := external()
	aliases := pair{aliasOf(lb.v4), aliasOf(lb.v6)}
	s.givePod(t, "r2", aliases)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, loadBalancer(lb), local)
	db := s.created("db", nil)
	var inside, direct []question
	for _, from := range []string{"p3", "node"} {
		inside = append(inside, s.questions(from, lb, refusing...)...)
		for _, at := range []netip.Addr{aliases.v4, aliases.v6} {
			direct = append(direct, question{s.client(from), lab.TCP, netip.AddrPortFrom(at, lab.Port)})
		}
	}
	t.Run("B88 as long as no endpoint is known there the alias is bound", func(t *testing.T) {
		become(t, inside, by("p1", "r1"))
		become(t, direct, refusal)
	})
	db.setEndpoints(endpoints{"r2": ready}, func(slice *discovery.EndpointSlice) {
		slice.Endpoints[0].Addresses = []string{aliases.of(corev1.IPFamily(slice.AddressType)).String()}
	})
	t.Run("B88 a Pod that is an endpoint there is reached", func(t *testing.T) {
		become(t, direct, by("r2"))
		for _, from := range []string{"p3", "node"} {
			become(t, s.questions(from, db.clusterIPs(), lab.TCP), by("r2"))
		}
	})
	t.Run("B88 clients inside are then served like those from outside", func(t *testing.T) { become(t, inside, by("p1")) })
	t.Run("B88 an Event on the Service says so", func(t *testing.T) { s.told(t, web, "in-cluster alias") })
	db.setEndpoints(endpoints{"r2": ready})
	t.Run("B88 the alias comes back when the endpoint has gone", func(t *testing.T) { become(t, inside, by("p1", "r1")) })
}

func aliasOf(addr netip.Addr) netip.Addr {
	alias, _ := state.Aliases{}.Of(state.VirtualServer{Addr: netip.AddrPortFrom(addr, port)})
	return alias.Addr.Addr()
}

// givePod gives a Pod of the other node these addresses too.
func (s *space) givePod(t *testing.T, name string, at pair) {
	t.Helper()
	pod := s.Pod(name)
	for _, f := range families {
		to, gateway := netip.PrefixFrom(at.of(f), at.of(f).BitLen()).String(), pair{s.Node2.IPv4, s.Node2.IPv6}.of(f).String()
		for _, c := range []struct {
			on     *lab.Namespace
			object string
			args   []string
		}{
			{pod.Namespace, "address", []string{to, "dev", "eth0"}},
			{s.Node2.Namespace, "route", []string{to, "dev", "veth" + name}},
			{s.Host, "route", []string{to, "via", gateway}},
		} {
			if _, err := c.on.Run("ip", append([]string{c.object, "add"}, c.args...)...); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if _, err := c.on.Run("ip", append([]string{c.object, "delete"}, c.args...)...); err != nil {
					t.Error(err)
				}
			})
		}
		if err := pod.Server.Listen(pod.Namespace, lab.TCP, netip.AddrPortFrom(at.of(f), lab.Port)); err != nil {
			t.Fatal(err)
		}
	}
}
