//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// healthAnswer is what a load balancer hears.
type healthAnswer struct {
	code         int
	body, weight string
	kind, sniff  string
}

// healthOf asks a health port as a load balancer does, from outside.
func (s *space) healthOf(at netip.AddrPort, path string) (a healthAnswer, err error) {
	response, err := s.Outside.Client(soon).Get("http://" + at.String() + path)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return healthAnswer{
		response.StatusCode, strings.TrimSpace(string(body)), response.Header.Get("X-Load-Balancing-Endpoint-Weight"),
		response.Header.Get("Content-Type"), response.Header.Get("X-Content-Type-Options"),
	}, err
}

func TestHealthPorts(t *testing.T) {
	s := shared.space(t)
	lb := external()
	web := s.created("web", endpoints{"p1": ready, "r1": ready}, loadBalancer(lb), local)
	outside := s.questions("outside", lb, lab.TCP)
	at := func() (all []netip.AddrPort) {
		for _, addr := range []netip.Addr{nodeAddrs[0], nodeAddrs[1], nodeAddrs[2], lb.v4, lb.v6} {
			all = append(all, netip.AddrPortFrom(addr, uint16(web.Spec.HealthCheckNodePort)))
		}
		return all
	}
	says := func(code, endpoints int) func(*testing.T) {
		want := healthAnswer{
			code,
			fmt.Sprintf(`{"service":{"namespace":%q,"name":"web"},"localEndpoints":%d,"serviceProxyHealthy":true}`, s.name, endpoints),
			fmt.Sprint(endpoints), "application/json", "nosniff",
		}
		return func(t *testing.T) {
			for i, a := range at() {
				path := []string{"/healthz", "/", "/any/path"}[i%3]
				err := lab.Until(within(t, patience), func() error {
					got, err := s.healthOf(a, path)
					if err == nil && got != want {
						err = fmt.Errorf("%s says %v, want %v", a, got, want)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
	for _, step := range []struct {
		name    string
		of      endpoints
		health  func(*testing.T)
		outcome func(question) error
	}{
		{"B141 B147 one endpoint here, at any path and address", endpoints{"p1": ready, "r1": ready}, says(200, 1), by("p1")},
		{"B143 two, and one that is not ready", endpoints{"p1": ready, "p2": ready, "p3": unready}, says(200, 2), by("p1", "p2")},
		{"B91 all here terminate: they serve, and the port says no", endpoints{"p1": terminating, "r1": ready}, says(503, 0), by("p1")},
		{"B142 none here", endpoints{"r1": ready}, says(503, 0), silence},
		{"B142 one again", endpoints{"p1": ready}, says(200, 1), by("p1")},
	} {
		t.Run(step.name, func(t *testing.T) {
			web.setEndpoints(step.of)
			become(t, outside, step.outcome)
			step.health(t)
		})
	}
	t.Run("B37 B144 with policy Cluster there is none", func(t *testing.T) {
		gone := at()
		web.edit(func(svc *corev1.Service) { svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster })
		for _, a := range gone {
			err := lab.Until(within(t, patience), func() error {
				if got, err := s.healthOf(a, "/"); !errors.Is(err, lab.ErrRefused) {
					return fmt.Errorf("%s says %v, %w", a, got, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

// TestHealthPortIsTaken has a process of the node on the port of a Service.
func TestHealthPortIsTaken(t *testing.T) {
	s := shared.space(t)
	const taken = 32123
	host := lab.NewServer("host")
	t.Cleanup(func() { _ = host.Close() })
	if err := host.Listen(s.Host, lab.TCP, netip.AddrPortFrom(netip.IPv4Unspecified(), taken)); err != nil {
		t.Fatal(err)
	}
	web := s.created("web", endpoints{"p1": ready}, loadBalancer(external()), local,
		func(svc *corev1.Service) { svc.Spec.HealthCheckNodePort = taken })
	become(t, web.onNode("outside", nodeAddrs[:1], lab.TCP), by("p1"))
	t.Run("B140 an Event on the Service says so", func(t *testing.T) {
		err := lab.Until(within(t, patience), func() error {
			events, err := api.EventsV1().Events(s.name).List(within(t, soon), metav1.ListOptions{})
			if err != nil {
				return err
			}
			for _, e := range events.Items {
				if e.Regarding.Name == "web" && e.Reason == "FailedToStartServiceHealthcheck" && e.Type == corev1.EventTypeWarning {
					t.Logf("%s: %s", e.Reason, e.Note)
					return nil
				}
			}
			return fmt.Errorf("%d Events, none about the port", len(events.Items))
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("B140 it is tried again", func(t *testing.T) {
		if err := host.Close(); err != nil {
			t.Fatal(err)
		}
		err := lab.Until(within(t, patience), func() error {
			got, err := s.healthOf(netip.AddrPortFrom(nodeAddrs[0], taken), "/")
			if err == nil && got.code != http.StatusOK {
				err = fmt.Errorf("it says %v", got)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
