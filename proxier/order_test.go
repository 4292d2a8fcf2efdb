package proxier_test

import (
	"cmp"
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// slow is a kernel that does one op at a time, so that a test can look at it
// after each.
type slow struct {
	*kerneltest.Kernel
	look func(state.Rows)
}

func (s slow) Members() reconcile.Kind[state.Member, state.None] {
	return slowly[state.Member, state.None]{s.Kernel.Members(), s}
}

func (s slow) VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing] {
	return slowly[state.VirtualServer, state.Balancing]{s.Kernel.VirtualServers(), s}
}

func (s slow) RealServers() reconcile.Kind[state.RealServer, state.Weight] {
	return slowly[state.RealServer, state.Weight]{s.Kernel.RealServers(), s}
}

func (s slow) Addresses() reconcile.Kind[netip.Addr, state.None] {
	return slowly[netip.Addr, state.None]{s.Kernel.Addresses(), s}
}

type slowly[K, V comparable] struct {
	reconcile.Kind[K, V]
	s slow
}

func (k slowly[K, V]) Apply(ctx context.Context, ops []reconcile.Op[K, V]) (errs []error) {
	for i := range ops {
		errs = append(errs, k.Kind.Apply(ctx, ops[i:i+1])...)
		k.s.look(k.s.Rows())
	}
	return errs
}

const restricted = `kind: Service
apiVersion: v1
metadata: {namespace: demo, name: web}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1]
  externalTrafficPolicy: POLICY
  loadBalancerSourceRanges: RANGES
  ports: [{name: http, port: 80}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}
---
kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {namespace: demo, name: web-4, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.244.1.1], nodeName: node-a}, {addresses: [10.244.2.1], nodeName: node-b}]
`

// TestNoOpenMoment changes the source ranges of a Service and looks after each
// kernel call whether a stranger could get in, and whether a client whom old
// and new ranges admit could not.
func TestNoOpenMoment(t *testing.T) {
	const subnet, wider = "[198.51.100.0/24]", "[198.51.0.0/16]"
	for name, c := range map[string]struct {
		before, after string // ranges
		policy        string // external, afterwards
		friends       bool   // stay admitted
	}{
		"a range more":                 {before: subnet, after: "[198.51.100.0/24, 192.0.2.0/24]", friends: true},
		"a range less":                 {before: "[198.51.100.0/24, 192.0.2.0/24]", after: subnet, friends: true},
		"another range":                {before: subnet, after: wider, friends: true},
		"policy Local":                 {before: subnet, after: subnet, policy: "Local", friends: true},
		"none that can be read":        {before: subnet, after: "[all]"},
		"some that can be read":        {before: "[all]", after: subnet},
		"ranges where there were none": {before: "[]", after: subnet, friends: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &watchman{t: t, strangersOut: c.before != "[]"}
				api, k := newFakeCluster(), slow{Kernel: kerneltest.New(), look: w.look}
				ctx, cancel := context.WithCancel(t.Context())
				p := proxier.New(testConfig, proxier.Parts{
					API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
				})
				done := make(chan error, 1)
				go func() { done <- p.Run(ctx) }()
				put := func(ranges, policy string) {
					synctest.Wait()
					text := strings.NewReplacer("RANGES", ranges, "POLICY", cmp.Or(policy, "Cluster")).Replace(restricted)
					if err := api.apply(text); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
				}
				put(c.before, "")
				w.friendsIn = c.friends
				put(c.after, c.policy)
				w.friendsIn, w.strangersOut = false, true
				w.look(k.Rows())
				api.remove("demo/web")
				synctest.Wait()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestNeverWithoutAServer moves a Service from one endpoint to another, back,
// and away from one that is gone, and looks after each kernel call: there is
// always a real server that takes new connections.
func TestNeverWithoutAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := false
		look := func(rows state.Rows) {
			for _, w := range rows.RealServers {
				if w > 0 {
					return
				}
			}
			if watch {
				t.Errorf("no endpoint takes connections:\n%s", rows)
			}
		}
		api, k := newFakeCluster(), slow{Kernel: kerneltest.New(), look: look}
		ctx, cancel := context.WithCancel(t.Context())
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		svc, first := numbered(1, 1, 0)
		_, second := numbered(1, 1, 1)
		api.setSlice(first)
		api.setService(svc)
		synctest.Wait()
		k.Connect(netip.MustParseAddrPort("10.128.0.1:8080"), 1)
		watch = true
		for range 3 {
			for _, s := range []*discovery.EndpointSlice{second, first} {
				api.setSlice(s)
				synctest.Wait()
				k.Connect(netip.MustParseAddrPort("10.128.0.2:8080"), 1)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// watchman knows what must hold at every moment.
type watchman struct {
	t                       *testing.T
	strangersOut, friendsIn bool
}

func (w *watchman) look(rows state.Rows) {
	lb := state.VirtualServer{Addr: netip.MustParseAddrPort("203.0.113.1:80"), Protocol: state.TCP}
	alias, _ := state.Aliases{}.Of(lb)
	for _, server := range []state.VirtualServer{lb, alias} {
		bound := has(rows.Addresses, server.Addr.Addr()) && has(rows.VirtualServers, server)
		shut := has(rows.Members, state.Restricted.Holding(ipset.IPPort(server.Addr, uint8(server.Protocol))))
		if w.strangersOut && bound && !shut {
			w.t.Errorf("%s is open to strangers:\n%s", server, rows)
		}
		if w.friendsIn && bound && shut && !admitted(rows, server) {
			w.t.Errorf("%s is shut to friends:\n%s", server, rows)
		}
	}
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

// admitted tells whether a client that all the ranges have in common gets in.
func admitted(rows state.Rows, server state.VirtualServer) bool {
	for _, net := range []string{"198.51.100.0/24", "198.51.0.0/16"} {
		entry := ipset.IPPortNet(server.Addr, uint8(server.Protocol), netip.MustParsePrefix(net))
		if has(rows.Members, state.Allowed.Holding(entry)) {
			return true
		}
	}
	return false
}
