package proxier_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
)

// walks and steps make some 6,000 changes.
const (
	walks = 150
	steps = 40
)

// TestEveryWalkEndsAsAFreshStart has few Services change at random in all that may
// make them conflict, with each other and with the node, one by one and many in a
// pass: in the end the kernel holds what a daemon makes that sees the end alone.
func TestEveryWalkEndsAsAFreshStart(t *testing.T) {
	for seed := range uint64(walks) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			api, k := newFakeCluster(), kerneltest.New(walkingNode...)
			stop := walker(t, api, k)
			var taken []string
			own := walkingNode
			for range steps {
				taken = append(taken, step(r, api, &own))
				k.SetNodeAddresses(own...)
				if r.IntN(4) == 0 {
					synctest.Wait()
				}
			}
			got := rowsAtRest(k)
			stop()
			fresh, again := kerneltest.New(own...), newFakeCluster()
			again.services, again.slices, again.node = api.services, api.slices, api.node
			stop = walker(t, again, fresh)
			want := rowsAtRest(fresh)
			stop()
			if got != want {
				t.Errorf("seed %d (-fresh +walked):\n%s\n%v", seed, cmp.Diff(want, got), taken)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// walkingNode are the addresses that the node never loses.
var walkingNode = []netip.Addr{netip.MustParseAddr("192.0.2.1")}

// walker starts a daemon that waits for no connections of servers that leave.
func walker(t *testing.T, api *fakeCluster, k *kerneltest.Kernel) (stop func()) {
	cfg := testConfig
	cfg.DrainTimeout = 0
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := proxier.New(cfg, proxier.Parts{
		API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
	})
	go func() { done <- p.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// rowsAtRest are those when nothing is left to do.
func rowsAtRest(k *kerneltest.Kernel) string {
	synctest.Wait()
	time.Sleep(10 * time.Second) // the bubble's
	synctest.Wait()
	return k.Rows().String()
}

// step changes one thing and tells which.
func step(r *rand.Rand, api *fakeCluster, own *[]netip.Addr) string {
	name := one(r, "a", "b", "c", "d")
	switch r.IntN(10) {
	default:
		api.setService(anyService(r, name))
		return "service " + name
	case 4, 5, 6:
		slice := anySlice(r, name, name+one(r, "-1", "-2"))
		api.setSlice(slice)
		return "slice " + slice.Name
	case 7:
		api.remove("demo/" + name)
		return "no service " + name
	case 8:
		pods := one(r, "10.244.1.0/24", "250.0.0.0/16", "246.51.100.2/32")
		api.setPods(pods)
		return "pods " + pods
	case 9:
		*own = walkingNode[:1:1]
		for _, a := range []string{"192.0.2.2", "198.51.100.2", "250.0.2.10"} {
			if r.IntN(3) == 0 {
				*own = append(*own, netip.MustParseAddr(a))
			}
		}
		return fmt.Sprint("node ", *own)
	}
}

func one[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func anyService(r *rand.Rand, name string) *v1.Service {
	clusterIP := one(r, "10.96.0.1", "10.96.0.2", "10.96.0.3", "10.96.0.4", "240.0.0.9")
	s := &v1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: name, CreationTimestamp: metav1.NewTime(time.Unix(1_600_000_000+int64(r.IntN(3)), 0))},
		Spec: v1.ServiceSpec{
			Type: v1.ServiceTypeLoadBalancer, ClusterIP: clusterIP, ClusterIPs: []string{clusterIP},
			ExternalTrafficPolicy: one(r, v1.ServiceExternalTrafficPolicyCluster, v1.ServiceExternalTrafficPolicyLocal),
			HealthCheckNodePort:   one[int32](r, 32001, 32002),
		},
	}
	if r.IntN(3) == 0 {
		s.Spec.InternalTrafficPolicy = new(v1.ServiceInternalTrafficPolicyLocal)
	}
	if r.IntN(3) == 0 {
		s.Spec.SessionAffinity = v1.ServiceAffinityClientIP
	}
	if r.IntN(4) == 0 {
		s.Annotations = map[string]string{"kube-ipvs.io/scheduler": one(r, "lc", "mh", "nope")}
	}
	if r.IntN(3) == 0 {
		s.Spec.LoadBalancerSourceRanges = []string{one(r, "203.0.113.0/24", "192.0.2.0/24", "bad")}
	}
	s.Spec.Ports = anyPorts(r)
	for range r.IntN(3) {
		s.Spec.ExternalIPs = append(s.Spec.ExternalIPs, anyExternal(r))
	}
	for range r.IntN(3) {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, v1.LoadBalancerIngress{IP: anyExternal(r)})
	}
	return s
}

func anyPorts(r *rand.Rand) (ports []v1.ServicePort) {
	seen := map[string]bool{}
	for range 1 + r.IntN(2) {
		p := v1.ServicePort{Protocol: one(r, v1.ProtocolTCP, v1.ProtocolUDP), Port: one[int32](r, 80, 443)}
		p.Name = fmt.Sprintf("%s-%d", p.Protocol, p.Port)
		if seen[p.Name] {
			continue
		}
		seen[p.Name] = true
		if r.IntN(2) == 0 {
			p.NodePort = one[int32](r, 30001, 30002)
		}
		ports = append(ports, p)
	}
	return ports
}

// anyExternal may be the node's, another Service's, or another's in-cluster
// alias, or share one with another.
func anyExternal(r *rand.Rand) string {
	return one(r, "198.51.100.1", "198.51.100.2", "10.0.2.10", "26.0.2.10", "192.0.2.2", "10.96.0.2", "250.0.2.10")
}

func anySlice(r *rand.Rand, service, name string) *discovery.EndpointSlice {
	s := &discovery.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "demo", Name: name, Labels: map[string]string{discovery.LabelServiceName: service}},
		AddressType: discovery.AddressTypeIPv4,
	}
	for _, p := range []v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP} {
		for _, n := range []int32{80, 443} {
			s.Ports = append(s.Ports, discovery.EndpointPort{Name: new(fmt.Sprintf("%s-%d", p, n)), Protocol: new(p), Port: new(8000 + n)})
		}
	}
	for range r.IntN(4) {
		s.Endpoints = append(s.Endpoints, discovery.Endpoint{
			Addresses: []string{one(r, "10.244.1.1", "10.244.1.2", "10.244.1.3", "10.244.1.4", "250.0.2.10")}, NodeName: new(one(r, "node-a", "node-b")),
			Conditions: discovery.EndpointConditions{Ready: new(r.IntN(3) > 0), Serving: new(r.IntN(3) > 0), Terminating: new(r.IntN(4) == 0)},
		})
	}
	return s
}
