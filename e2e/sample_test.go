//go:build e2e && sample

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	looks     = 30
	lookPause = 5 * time.Second
)

// TestSampleOfMetrics shows the metrics of a daemon that has something to do, every
// few seconds: what the queries of deploy/dashboards are tried on, in the
// words of promqltest.
func TestSampleOfMetrics(t *testing.T) {
	s := shared.space(t)
	s.ends(t, false)
	if err := s.start("--service-metrics=100", "--ipvs-sync-period=10s"); err != nil {
		t.Fatal(err)
	}
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	s.created("wrong", endpoints{"p1": ready}, func(svc *corev1.Service) {
		svc.Annotations = map[string]string{"kube-ipvs.io/drain-timeout": "never"}
	})
	hold(t, s.questions("p3", web.clusterIPs(), lab.TCP))
	series := map[string][]string{}
	tick := time.NewTicker(lookPause)
	defer tick.Stop()
	for n := range looks {
		of := []endpoints{{"p1": ready, "r1": ready}, {"p1": ready, "p2": ready}, {"p2": ready, "r1": ready}}[n%3]
		web.setEndpoints(of, func(slice *discovery.EndpointSlice) {
			slice.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: time.Now().UTC().Format(time.RFC3339Nano)}
		})
		if n == looks/2 {
			s.mustRun(t, "ipvsadm", "-C")
		}
		for range n % 7 {
			for _, q := range s.questions("p3", web.clusterIPs(), lab.TCP) {
				_, _ = lab.Ask(q.from.Namespace, q.protocol, q.to, time.Second) // traffic, no test
			}
		}
		<-tick.C
		note(t, s, series, n)
	}
	t.Logf("sample: load %s", lookPause)
	for _, name := range slices.Sorted(maps.Keys(series)) {
		t.Logf("sample:   %s %s", name, strings.Join(series[name], " "))
	}
}

// note adds the n-th look to each series; what has no value then has none.
func note(t *testing.T, s *space, series map[string][]string, n int) {
	t.Helper()
	for _, prefix := range []string{"kubeipvs_", "kubeproxy_", "rest_client_", "process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines"} {
		all, err := s.count(prefix)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range all {
			for len(series[name]) < n {
				series[name] = append(series[name], "_")
			}
			series[name] = append(series[name], fmt.Sprintf("%g", value))
		}
	}
	for name := range series {
		for len(series[name]) < n+1 {
			series[name] = append(series[name], "_")
		}
	}
}
