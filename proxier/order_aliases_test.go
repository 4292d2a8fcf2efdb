package proxier_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

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
	frontends := []state.VirtualServer{
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
				for _, frontend := range frontends {
					if problem := astray(rows, frontend, strings.Count(c.endpoints, "addresses")); problem != "" {
						t.Errorf("a client inside asks %s: %s:\n%s", frontend, problem, rows)
					}
				}
			}, texts...)
		})
	}
}

// astray says what goes wrong for a client inside of the cluster, or nothing.
func astray(rows state.Rows, frontend state.VirtualServer, endpoints int) string {
	member := func(s state.Set, vs state.VirtualServer) bool {
		return has(rows.Members, s.Holding(ipset.IPPort(vs.Addr, uint8(vs.Protocol))))
	}
	if !member(state.Aliased, frontend) {
		if member(state.Drop, frontend) {
			return "dropped, as is right for clients from outside"
		}
		return ""
	}
	alias, _ := state.Aliases{}.Of(frontend)
	switch {
	case !has(rows.Addresses, alias.Addr.Addr()):
		return "led to an address that is not here"
	case !has(rows.VirtualServers, alias):
		return "led to an address without a virtual server"
	case !member(state.ServicePorts, alias) || !member(state.AliasPorts, alias):
		return "led to an address that the rules do not know"
	}
	found := 0
	for rs := range rows.RealServers {
		if rs.VirtualServer == alias {
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
