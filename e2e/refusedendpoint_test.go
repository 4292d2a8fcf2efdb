//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// An endpoint that the kernel refuses is its Service's trouble alone (F32). This
// one is so by a route that only the kernel knows of.
func TestAnEndpointThatTheKernelRefuses(t *testing.T) {
	c := ownCluster(t)
	const often = "--ipvs-sync-period=2s" // health waits for two of these
	if err := c.start(often); err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	const odd = "203.0.113.77"
	s.mustRun(t, "ip", "route", "add", "broadcast", odd, "dev", "eth0", "table", "local")
	web := s.service("web", endpoints{"p1": ready})
	web.setEndpoints(endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
		if slice.AddressType == discovery.AddressTypeIPv4 {
			slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{Addresses: []string{odd}})
		}
	})
	t.Run("an Event on the Service says so", func(t *testing.T) {
		err := lab.Until(within(t, patience), func() error {
			events, err := api.EventsV1().Events(s.name).List(within(t, soon), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, e := range events.Items {
				if e.Regarding.Name == "web" && e.Reason == "RefusedByKernel" && e.Type == corev1.EventTypeWarning && strings.Contains(e.Note, odd) {
					t.Logf("%s: %s", e.Reason, e.Note)
					return nil
				}
			}
			return fmt.Errorf("%d Events, none about the endpoint", len(events.Items))
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	healthy := func(t *testing.T) {
		t.Helper()
		const age = "kubeipvs_oldest_failing_row_seconds"
		err := lab.UntilEvery(within(t, patience), long, func() error {
			if counted, err := s.count(age); err != nil || counted[age] < 10 {
				return errors.Join(err, fmt.Errorf("it has failed for %v seconds", counted[age]))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/livez", "/healthz", "/readyz"} {
			if _, err := s.Get(harness.HealthzURL + path); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
		if counted, err := s.count("kubeipvs_rows"); err != nil || counted[`kubeipvs_rows{kind="real server",state="refused"}`] < 1 {
			t.Errorf("the metrics tell of no row that is refused: %v, %v", counted, err)
		}
	}
	t.Run("the node stays healthy, and all others are served", func(t *testing.T) {
		healthy(t)
		other := s.service("other", endpoints{"p2": ready})
		answered(t, s.questions("p3", other.clusterIPs(), lab.Protocols()...), itself, "p2")
		answered(t, s.questions("p3", web.clusterIPs(), lab.Protocols()...), itself, "p1")
	})
	t.Run("another start is ready, and takes over from kube-proxy", func(t *testing.T) {
		if _, err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.mustRun(t, "ipset", "create", "KUBE-CLUSTER-IP", "hash:ip,port")
		if err := s.start(often); err != nil {
			t.Fatal(err)
		}
		err := lab.Until(within(t, patience), func() error {
			if now := s.mustLook(t).Sets; strings.Contains(now, "KUBE-CLUSTER-IP") {
				return errors.New("what kube-proxy has left is still there")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		healthy(t)
	})
}
