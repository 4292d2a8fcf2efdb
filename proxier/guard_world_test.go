package proxier_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier"
	"github.com/kube-ipvs/kube-ipvs/proxier/health"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// apiServers are the objects by which the API says where its servers are.
const apiServers = `kind: Service
apiVersion: v1
metadata: {namespace: default, name: kubernetes, creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1]
  ports: [{name: https, protocol: TCP, port: 443}]
---
kind: EndpointSlice
apiVersion: discovery.k8s.io/v1
metadata: {namespace: default, name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
addressType: IPv4
ports: [{name: https, protocol: TCP, port: 6443}]
endpoints:
- {addresses: [SERVER]}`

// reachable is where a daemon reaches the API server, which may change.
type reachable struct {
	mu  sync.Mutex
	api *fakeCluster
	at  []netip.AddrPort
}

func (r *reachable) addresses() []netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *reachable) move(to string) {
	r.mu.Lock()
	r.at = []netip.AddrPort{netip.MustParseAddrPort(to)}
	r.mu.Unlock()
	r.api.changes.MarkHosts()
}

// guarding runs a daemon on a node that is 192.0.2.1 and serves its own addresses.
func guarding(t *testing.T, api proxier.Cluster, r *reachable, k *kerneltest.Kernel) *proxier.Proxier {
	t.Helper()
	cfg := testConfig
	cfg.ServeNodeAddresses = true
	cfg.OwnPorts = []netip.AddrPort{netip.MustParseAddrPort("0.0.0.0:10256"), netip.MustParseAddrPort("127.0.0.1:10249")}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	p := proxier.New(cfg, proxier.Parts{
		API: api, Changes: r.api.changes, Kernel: k, Health: health.New(time.Minute, "IPv4"), HealthPorts: k.HealthPorts(), Events: r.api,
		APIServer: r.addresses,
	})
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return p
}

// inGuarded has a Service name these external addresses on port 80.
func inGuarded(t *testing.T, run func(api *fakeCluster, r *reachable, k *kerneltest.Kernel, p *proxier.Proxier), addrs ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), kerneltest.New(netip.MustParseAddr("192.0.2.1"))
		r := &reachable{api: api}
		p := guarding(t, api, r, k)
		api.setService(named("tenant", "10.96.0.9", external(addrs...)))
		synctest.Wait()
		run(api, r, k, p)
	})
}

func servesAt(k *kerneltest.Kernel, at string) bool {
	_, there := k.Rows().VirtualServers[state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: state.TCP}]
	return there
}

// expectTaken wants exactly these of all addresses bound, with a virtual server.
func expectTaken(t *testing.T, k *kerneltest.Kernel, all []string, taken ...string) {
	t.Helper()
	for _, a := range all {
		want := strings.Contains(strings.Join(taken, " ")+" ", a+" ")
		if bound(k, a) != want || servesAt(k, a+":80") != want {
			t.Errorf("%s: bound %t, with a virtual server %t; want both %t", a, bound(k, a), servesAt(k, a+":80"), want)
		}
	}
}

// value sums up a metric over the series that have these labels.
func value(t *testing.T, p *proxier.Proxier, metric string, labels map[string]string) (sum float64) {
	t.Helper()
	families, err := p.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			matching := 0
			for _, l := range m.GetLabel() {
				if want, asked := labels[l.GetName()]; asked && want == l.GetValue() {
					matching++
				}
			}
			if f.GetName() == metric && matching == len(labels) {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
