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
				t.Errorf("nobody takes connections:\n%s", rows)
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
	shadow, _ := lb.Shadow()
	for _, server := range []state.VirtualServer{lb, shadow} {
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

const balanced = `kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {namespace: demo, name: web-4, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [ENDPOINTS]
---
kind: Service
apiVersion: v1
metadata: {namespace: demo, name: web}
spec:
  type: LoadBalancer
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1]
  externalTrafficPolicy: POLICY
  healthCheckNodePort: 32000
  ports: [{name: http, port: 80, nodePort: 30080}]
status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}
`

// inOrder runs a daemon through texts of a Service, the last of which is
// followed by its end, and looks at the kernel after each call.
func inOrder(t *testing.T, look func(state.Rows), texts ...string) {
	synctest.Test(t, func(t *testing.T) {
		fake := kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		api, k := newFakeCluster(), slow{Kernel: fake, look: look}
		ctx, cancel := context.WithCancel(t.Context())
		p := proxier.New(testConfig, proxier.Parts{
			API: api, Changes: api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: api,
		})
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		for _, text := range texts {
			synctest.Wait()
			if err := api.apply(text); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		api.remove("demo/web")
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

const here, elsewhere = "{addresses: [10.244.1.1], nodeName: node-a}", "{addresses: [10.244.2.1], nodeName: node-b}"

func balancedBy(policy, endpoints string) string {
	return strings.NewReplacer("POLICY", policy, "ENDPOINTS", endpoints).Replace(balanced)
}

// TestNobodyIsLedAstray changes the external policy of a Service and looks
// after each kernel call whether clients inside of the cluster, for whom the
// policy does not count, would find all endpoints (B87, B88).
func TestNobodyIsLedAstray(t *testing.T) {
	const both = here + ", " + elsewhere
	fronts := []state.VirtualServer{
		{Addr: netip.MustParseAddrPort("203.0.113.1:80"), Protocol: state.TCP},
		{Addr: netip.MustParseAddrPort("192.0.2.1:30080"), Protocol: state.TCP},
	}
	for name, c := range map[string]struct {
		endpoints string
		policies  []string
	}{
		"comes, one endpoint here":        {both, []string{"Local"}},
		"comes, none here":                {elsewhere, []string{"Local"}},
		"Cluster, Local, Cluster":         {both, []string{"Cluster", "Local", "Cluster"}},
		"the same, none here":             {elsewhere, []string{"Cluster", "Local", "Cluster"}},
		"the last one here goes, another": {both, []string{"Local", "Local"}},
	} {
		t.Run(name, func(t *testing.T) {
			var texts []string
			for i, policy := range c.policies {
				endpoints := c.endpoints
				if strings.HasPrefix(name, "the last") && i > 0 {
					endpoints = elsewhere
				}
				texts = append(texts, balancedBy(policy, endpoints))
			}
			inOrder(t, func(rows state.Rows) {
				for _, front := range fronts {
					if problem := astray(rows, front, strings.Count(c.endpoints, "addresses")); problem != "" {
						t.Errorf("a client inside asks %s: %s:\n%s", front, problem, rows)
					}
				}
			}, texts...)
		})
	}
}

// astray says what goes wrong for a client inside of the cluster, or nothing.
func astray(rows state.Rows, front state.VirtualServer, endpoints int) string {
	member := func(s state.Set, vs state.VirtualServer) bool {
		return has(rows.Members, s.Holding(ipset.IPPort(vs.Addr, uint8(vs.Protocol))))
	}
	if !member(state.Inside, front) {
		if member(state.Drop, front) {
			return "dropped, as is right for clients from outside"
		}
		return ""
	}
	shadow, _ := front.Shadow()
	switch {
	case !has(rows.Addresses, shadow.Addr.Addr()):
		return "led to an address that is not here"
	case !has(rows.VirtualServers, shadow):
		return "led to an address without a virtual server"
	case !member(state.ServicePorts, shadow) || !member(state.Shadows, shadow):
		return "led to an address that the rules do not know"
	}
	found := 0
	for rs := range rows.RealServers {
		if rs.VirtualServer == shadow {
			found++
		}
	}
	if found == 0 || found > endpoints {
		return "led to a virtual server without its real servers"
	}
	return ""
}

// TestLoadBalancersAreToldInOrder looks after each kernel call whether a load
// balancer that was told it may send would be answered (B146).
func TestLoadBalancersAreToldInOrder(t *testing.T) {
	lb := state.VirtualServer{Addr: netip.MustParseAddrPort("203.0.113.1:80"), Protocol: state.TCP}
	local := state.RealServer{VirtualServer: lb, Addr: netip.MustParseAddrPort("10.244.1.1:8080")}
	told := false
	inOrder(t, func(rows state.Rows) {
		may := rows.HealthPorts[netip.MustParseAddrPort("0.0.0.0:32000")].Local > 0
		told = told || may
		answered := has(rows.Addresses, lb.Addr.Addr()) && has(rows.VirtualServers, lb) && has(rows.RealServers, local)
		if may && !answered {
			t.Errorf("a load balancer may send and would not be answered:\n%s", rows)
		}
	}, balancedBy("Local", here), balancedBy("Local", elsewhere), balancedBy("Local", here), balancedBy("Cluster", here))
	if !told {
		t.Error("no load balancer was ever told that it may send")
	}
}
