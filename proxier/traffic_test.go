package proxier_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

const twoAddresses = `apiVersion: v1
kind: Service
metadata: {namespace: demo, name: web}
spec:
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1]
  externalIPs: [EXTERNAL]
  ports: [{name: http, port: 80, protocol: TCP}]
`

// The virtual servers of one port are added up; what goes or is made anew never
// makes a sum smaller (E15).
func TestTrafficOfServices(t *testing.T) {
	cfg := testConfig
	cfg.ServiceMetrics = 1
	runWith(t, cfg, func(r daemon) {
		at := func(addr string, connections uint64, active int) {
			r.kernel.SetTraffic(
				state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: state.TCP},
				state.Traffic{Connections: connections, PacketsIn: 2 * connections, BytesOut: 3 * connections, Active: active})
		}
		expect := func(what, want string) {
			t.Helper()
			if got := traffic(t, r); got != want {
				t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
			}
		}
		at("10.96.0.1:80", 5, 1)
		at("198.51.100.1:80", 10, 2)
		r.apply(t, strings.ReplaceAll(twoAddresses, "EXTERNAL", "198.51.100.1"))
		expect("both", "demo/web http TCP: 15 connections, 3 active, 30 packets in, 45 bytes out; 0 left out")
		at("10.96.0.1:80", 6, 1)
		expect("one more", "demo/web http TCP: 16 connections, 3 active, 32 packets in, 48 bytes out; 0 left out")
		r.apply(t, strings.ReplaceAll(twoAddresses, "EXTERNAL", ""))
		expect("one is gone", "demo/web http TCP: 16 connections, 1 active, 32 packets in, 48 bytes out; 0 left out")
		at("10.96.0.1:80", 2, 0)
		expect("made anew", "demo/web http TCP: 18 connections, 0 active, 36 packets in, 54 bytes out; 0 left out")
		r.apply(t, strings.NewReplacer("EXTERNAL", "", "name: web", "name: xylo", "10.96.0.1", "10.96.0.2").Replace(twoAddresses))
		expect("more than allowed", "demo/web http TCP: 18 connections, 0 active, 36 packets in, 54 bytes out; 1 left out")
		r.api.remove("demo/web")
		synctest.Wait()
		expect("the other", "demo/xylo http TCP: 0 connections, 0 active, 0 packets in, 0 bytes out; 0 left out")
		r.kernel.Fail("count traffic", 1)
		expect("a failure", "")
	})
}

// traffic is what the metrics say of it.
func traffic(t *testing.T, r daemon) string {
	t.Helper()
	families, err := r.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	var ports []string
	for _, f := range families {
		name, ours := strings.CutPrefix(f.GetName(), "kubeipvs_service_")
		if !ours {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			port := fmt.Sprintf("%s/%s %s %s", labels["namespace"], labels["service"], labels["port"], labels["protocol"])
			if name == "connections_total" {
				ports = append(ports, port)
			}
			values[name+labels["direction"]+port] = fmt.Sprint(m.GetCounter().GetValue() + m.GetGauge().GetValue())
		}
	}
	slices.Sort(ports)
	var lines []string
	for _, p := range ports {
		lines = append(lines, fmt.Sprintf("%s: %s connections, %s active, %s packets in, %s bytes out; %s left out", p,
			values["connections_total"+p], values["active_connections"+p], values["packets_totalin"+p], values["bytes_totalout"+p],
			values["metrics_left_out/  "]))
	}
	return strings.Join(lines, "\n")
}
