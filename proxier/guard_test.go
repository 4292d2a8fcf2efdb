package proxier_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// K27: a Service cannot take the API server's address from this node, or the node
// would never hear that the Service is gone.
func TestNoServiceTakesTheAPIServersAddress(t *testing.T) {
	all := []string{"192.0.2.250", "192.0.2.251", "198.51.100.7"}
	inGuarded(t, func(api *fakeCluster, r *reachable, k *kerneltest.Kernel, p *proxier.Proxier) {
		expectTaken(t, k, all, all...)
		if err := api.apply(strings.ReplaceAll(apiServers, "SERVER", "192.0.2.250")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectTaken(t, k, all, "192.0.2.251", "198.51.100.7")
		if told := api.told(); !strings.Contains(told, "192.0.2.250 is not served here: traffic there is for the API server") {
			t.Errorf("told %q", told)
		}
		if n := value(t, p, "kubeipvs_refused_fields", map[string]string{"field": "spec.externalIPs", "reason": "api-server"}); n != 1 {
			t.Errorf("%v fields are counted", n)
		}
		r.move("192.0.2.251:6443") // by this daemon alone
		synctest.Wait()
		expectTaken(t, k, all, "198.51.100.7")
		if err := api.apply(strings.ReplaceAll(apiServers, "SERVER", "192.0.2.9")); err != nil {
			t.Fatal(err)
		}
		r.move("192.0.2.9:6443")
		synctest.Wait()
		expectTaken(t, k, all, all...)
	}, all...)
}

// K27: nor that of another Node, of a gateway or of a resolver, as they come and go.
func TestNoServiceTakesTheAddressesOfOtherHosts(t *testing.T) {
	all := []string{"192.0.2.2", "192.0.2.254", "198.51.100.53", "198.51.100.7"}
	inGuarded(t, func(api *fakeCluster, _ *reachable, k *kerneltest.Kernel, p *proxier.Proxier) {
		expectTaken(t, k, all, all...)
		api.setOthers("192.0.2.2", "192.0.2.3")
		synctest.Wait()
		expectTaken(t, k, all, "192.0.2.254", "198.51.100.53", "198.51.100.7")

		k.SetWaysOut(state.WaysOut{
			Gateways: []netip.Addr{netip.MustParseAddr("192.0.2.254")}, Resolvers: []netip.Addr{netip.MustParseAddr("198.51.100.53")},
		})
		time.Sleep(2 * testConfig.SyncPeriod) // the clock is synctest's
		synctest.Wait()
		expectTaken(t, k, all, "198.51.100.7")
		for _, reason := range []string{"node", "gateway", "resolver"} {
			if n := value(t, p, "kubeipvs_refused_fields", map[string]string{"field": "spec.externalIPs", "reason": reason}); n != 1 {
				t.Errorf("%v fields are counted for reason %s", n, reason)
			}
		}
		told := api.told()
		for _, says := range []string{"192.0.2.2 is not served here: traffic there is for a Node", "for the default gateway", "for a resolver"} {
			if !strings.Contains(told, says) {
				t.Errorf("told %q, want %q in it", told, says)
			}
		}
		api.setOthers("192.0.2.3")
		synctest.Wait()
		expectTaken(t, k, all, "192.0.2.2", "198.51.100.7")
	}, all...)
}

// A Node that comes or moves has only those Services planned again that name its
// address, and a mark without a change has none.
func TestAGuardThatMovesPlansOnlyWhatItConcerns(t *testing.T) {
	inGuarded(t, func(api *fakeCluster, _ *reachable, _ *kerneltest.Kernel, p *proxier.Proxier) {
		for i := range 50 {
			svc, slice := numbered(i+1, 1, 0)
			api.setService(svc)
			api.setSlice(slice)
		}
		synctest.Wait()
		for _, step := range []struct {
			others []string
			plans  float64
		}{{[]string{"192.0.2.3"}, 0}, {[]string{"192.0.2.3"}, 0}, {[]string{"192.0.2.2"}, 1}, {[]string{"192.0.2.2"}, 0}, {nil, 1}} {
			before := value(t, p, "kubeipvs_services_planned_total", nil)
			api.setOthers(step.others...)
			synctest.Wait()
			if planned := value(t, p, "kubeipvs_services_planned_total", nil) - before; planned != step.plans {
				t.Errorf("Nodes at %v: %v Services were planned, want %v", step.others, planned, step.plans)
			}
		}
	}, "192.0.2.2")
}

// An address of the node itself is served on the Service's port, and is not bound;
// only the API server, the kubelet and this daemon keep their ports (B155).
func TestTheNodesOwnAddressIsServed(t *testing.T) {
	ports := func(s *v1.Service) {
		s.Spec.Ports = []v1.ServicePort{{Name: "http", Port: 80}, {Name: "api", Port: 6443}, {Name: "kubelet", Port: 10260}, {Name: "health", Port: 10256}}
	}
	inGuarded(t, func(api *fakeCluster, r *reachable, k *kerneltest.Kernel, _ *proxier.Proxier) {
		api.told()
		api.setKubeletPort(10260)
		r.move("192.0.2.1:6443") // the API server on this node
		api.setService(named("tenant", "10.96.0.9", external("192.0.2.1"), ports))
		synctest.Wait()
		for at, want := range map[string]bool{"192.0.2.1:80": true, "192.0.2.1:6443": false, "192.0.2.1:10260": false, "192.0.2.1:10256": false} {
			if servesAt(k, at) != want {
				t.Errorf("a virtual server at %s: %t, want %t", at, !want, want)
			}
		}
		if bound(k, "192.0.2.1") {
			t.Error("the node's own address is bound to our device")
		}
		told := api.told()
		for _, says := range []string{"192.0.2.1:6443 is not served here: traffic there is for the API server", "for the kubelet", "for kube-ipvs"} {
			if !strings.Contains(told, says) {
				t.Errorf("told %q, want %q in it", told, says)
			}
		}
		api.setService(named("tenant", "10.96.0.9", external("192.0.2.1")))
		synctest.Wait()
		if told := api.told(); told != "" {
			t.Errorf("told %q of a Service that is served", told)
		}
	}, "192.0.2.1")
}

// A load balancer's address that comes onto the node and leaves it, as with
// kube-vip, keeps its virtual server and with it its connections (K47).
func TestAnAddressThatComesOntoTheNodeKeepsItsServer(t *testing.T) {
	inGuarded(t, func(api *fakeCluster, _ *reachable, k *kerneltest.Kernel, _ *proxier.Proxier) {
		const vip = "198.51.100.7"
		for _, step := range []struct {
			own   []string
			bound bool
		}{{[]string{"192.0.2.1", vip}, false}, {[]string{"192.0.2.1"}, true}, {[]string{"192.0.2.1", vip}, false}} {
			k.Calls()
			var own []netip.Addr
			for _, a := range step.own {
				own = append(own, netip.MustParseAddr(a))
			}
			k.SetNodeAddresses(own...)
			time.Sleep(2 * time.Second) // the clock is synctest's
			synctest.Wait()
			if bound(k, vip) != step.bound || !servesAt(k, vip+":80") {
				t.Errorf("the node has %v: bound %t, with a virtual server %t", step.own, bound(k, vip), servesAt(k, vip+":80"))
			}
			if calls := k.Calls(); strings.Contains(calls, "delete virtual server") {
				t.Errorf("the node has %v: a virtual server was deleted:\n%s", step.own, calls)
			}
		}
		if told := api.told(); told != "" {
			t.Errorf("told %q", told)
		}
	}, "198.51.100.7")
}

// awayCluster is an API that never answers.
type awayCluster struct{ *fakeCluster }

func (awayCluster) WaitForSync(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
func (awayCluster) Node() *v1.Node    { return nil }
func (awayCluster) Nodes() []*v1.Node { return nil }

// What an earlier daemon has bound over the API server is given up by one that
// starts, and also when the API server's name leads elsewhere later: else the API
// would never be heard. All else stays until the API has answered (K27).
func TestAStartGivesUpTheAPIServersAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		if _, err := k.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		all := []string{"192.0.2.250", "192.0.2.251", "198.51.100.7"}
		k.Drift(func(rows *state.Rows) {
			for _, text := range all {
				a := netip.MustParseAddr(text)
				rows.Addresses[a] = state.None{}
				rows.Members[state.Addresses.Holding(ipset.IP(a))] = state.None{}
				rows.VirtualServers[state.VirtualServer{Addr: netip.AddrPortFrom(a, 80), Protocol: state.TCP}] = state.Balancing{Scheduler: "rr"}
			}
			own := netip.MustParseAddrPort("192.0.2.1:30080")
			rows.VirtualServers[state.VirtualServer{Addr: own, Protocol: state.TCP}] = state.Balancing{Scheduler: "rr"}
		})
		r := &reachable{api: api, at: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.250:6443")}}
		guarding(t, awayCluster{api}, r, k)
		expectTaken(t, k, all, "192.0.2.251", "198.51.100.7")
		r.move("192.0.2.251:6443")
		synctest.Wait()
		expectTaken(t, k, all, "198.51.100.7")
		if !servesAt(k, "192.0.2.1:30080") {
			t.Error("a node port was given up")
		}
		if n := len(k.Rows().Members); n != 1 {
			t.Errorf("%d members are left, want that of 198.51.100.7", n)
		}
	})
}

// A range of cluster addresses in which another Node lies is left out: the rules
// would refuse this node's traffic to it.
func TestARangeWithAnotherNodeIsLeftOut(t *testing.T) {
	inGuarded(t, func(api *fakeCluster, _ *reachable, k *kerneltest.Kernel, _ *proxier.Proxier) {
		const node = "203.0.113.0/24"
		holds := func() bool { return strings.Contains(k.Rows().String(), "KIPVS-RANGES "+node) }
		api.setRanges("10.96.0.0/12", node)
		synctest.Wait()
		if !holds() {
			t.Errorf("without the Node: %s is not among\n%s", node, k.Rows())
		}
		api.told()
		api.setOthers("203.0.113.9")
		synctest.Wait()
		if told := api.told(); holds() || !strings.Contains(told, node+" contains 203.0.113.9, an address of a Node of this cluster") {
			t.Errorf("with the Node: in the set %t, told %q", holds(), told)
		}
	}, "198.51.100.7")
}
