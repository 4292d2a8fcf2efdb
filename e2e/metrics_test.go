//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestServiceMetrics has a daemon that counts the traffic of Services, and finds
// in its metrics all that dashboards of others ask for (D.2, E15).
func TestServiceMetrics(t *testing.T) {
	s := shared.space(t)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start("--service-metrics=10"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	// What cannot be had is told by an Event, which is a POST.
	web := s.service("web", endpoints{"p1": ready}, annotated("kube-ipvs.io/scheduler", "twos"), externalIPs(external()))
	s.told(t, web, "no scheduler twos")
	port := fmt.Sprintf(`namespace=%q,port="tcp",protocol="TCP",service="web"`, s.name)
	before := s.settled(t, "kubeipvs_service_")
	const times = 7
	for _, q := range append(s.questions("p3", web.clusterIPs(), lab.TCP), s.questions("outside", readPair(web.Spec.ExternalIPs...), lab.TCP)...) {
		for range times {
			if _, err := q.ask(); err != nil {
				t.Fatal(err)
			}
		}
	}
	grown := s.settled(t, "kubeipvs_service_").since(before)
	if n := grown["kubeipvs_service_connections_total{"+port+"}"]; n != 4*times {
		t.Errorf("%v connections, want %d, in %v", n, 4*times, grown)
	}
	for _, name := range []string{"packets", "bytes"} {
		for _, direction := range []string{"in", "out"} {
			series := fmt.Sprintf("kubeipvs_service_%s_total{direction=%q,%s}", name, direction, port)
			if grown[series] < 4*times {
				t.Errorf("%s has grown by %v", series, grown[series])
			}
		}
	}
	text, err := s.Get(harness.MetricsURL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range []string{
		"kubeproxy_sync_proxy_rules_duration_seconds_count ", `kubeproxy_sync_proxy_rules_duration_seconds_bucket{le="`,
		"kubeproxy_network_programming_duration_seconds_count ", `kubeproxy_network_programming_duration_seconds_bucket{le="`,
		`rest_client_requests_total{code="200",`, `rest_client_requests_total{code="201",`,
		`verb="POST",le="`,
		"process_resident_memory_bytes ", "process_cpu_seconds_total ", "go_goroutines ",
		`kubeipvs_build_info{go_version="go`, `kubeipvs_refused_fields{field="`, "kubeipvs_service_metrics_left_out 0",
	} {
		if !strings.Contains(text, series) {
			t.Errorf("no series %s", series)
		}
	}
}

// settled reads counters when they count no more: the kernel sums up its own
// every two seconds.
func (s *space) settled(t *testing.T, prefix string) counted {
	t.Helper()
	var last counted
	err := lab.UntilEvery(within(t, patience), 3*time.Second, func() error {
		now, err := s.count(prefix)
		if err == nil && !maps.Equal(now, last) {
			err = errors.New("they are still counting")
		}
		last = now
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}
