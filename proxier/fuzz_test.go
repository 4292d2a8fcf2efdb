package proxier_test

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"sigs.k8s.io/yaml"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/plan"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// FuzzObjectsToRows: whatever a Service and a slice say, they are planned
// without a crash, and the kernel accepts every row of it (F20).
func FuzzObjectsToRows(f *testing.F) {
	for _, script := range []string{"retry", "service", "health-port"} {
		text, err := os.ReadFile("testdata/" + script + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			service, slice, _ := strings.Cut(string(file.Data), "\n---\n")
			slice, _, _ = strings.Cut(slice, "\n---\n")
			f.Add([]byte(service), []byte(slice))
		}
	}
	f.Add([]byte("spec: {clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, x], ports: [{port: 99999}, {port: -1, protocol: X}]}"),
		[]byte("addressType: IPv4\nports: [{port: 0}, {}]\nendpoints: [{addresses: [1.2.3]}, {addresses: []}, {}]"))
	node := cluster.Node{Name: "node-a", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}}
	node.NodePortAddresses = node.Addresses
	node.HealthAddresses = []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	cfg := plan.Config{Scheduler: "rr", Families: []ipset.Family{ipset.IPv4, ipset.IPv6}, DrainTimeout: time.Minute}
	f.Fuzz(func(t *testing.T, service, slice []byte) {
		var svc v1.Service
		var part discovery.EndpointSlice
		if yaml.Unmarshal(service, &svc) != nil || yaml.Unmarshal(slice, &part) != nil {
			return
		}
		ports, _ := cluster.Ports(&svc, []*discovery.EndpointSlice{&part}, node)
		ask := plan.Ask{Service: nameOf(svc.ObjectMeta), Ports: ports}
		rows := plan.Service(ask, node, cfg, plan.NewOwnership(state.Aliases{})).Rows
		k := kerneltest.New(node.Addresses...)
		if _, err := k.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		accepts(t, k.Members(), rows.Members)
		accepts(t, k.VirtualServers(), rows.VirtualServers)
		accepts(t, k.RealServers(), rows.RealServers)
		accepts(t, k.Addresses(), rows.Addresses)
		accepts(t, k.HealthPorts(), rows.HealthPorts)
		if got, want := k.Rows().String(), rows.String(); got != want {
			t.Errorf("the kernel holds\n%s\nwant\n%s", got, want)
		}
	})
}

func accepts[K, V comparable](t *testing.T, kind reconcile.Kind[K, V], rows map[K]V) {
	t.Helper()
	for k, v := range rows {
		op := reconcile.Op[K, V]{Verb: reconcile.Create, Key: k, Value: v}
		if err := kind.Apply(context.Background(), []reconcile.Op[K, V]{op})[0]; err != nil {
			t.Errorf("%v %v: %v", k, v, err)
		}
	}
}
