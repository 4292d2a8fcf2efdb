//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestSchedulers has Services with schedulers of their own, beside others.
func TestSchedulers(t *testing.T) {
	s := shared.space(t)
	all := endpoints{"p1": ready, "p2": ready, "r1": ready}
	s.service("plain", all)
	web := s.service("web", all, annotated("kube-ipvs.io/scheduler", "mh"), annotated("kube-ipvs.io/scheduler-flags", ""))
	t.Run("E1 a Service has its own scheduler", func(t *testing.T) {
		become(t, s.questions("p3", web.clusterIPs(), refusing...), faithful)
		s.schedules(t, web, "mh (mh-fallback)")
	})
	t.Run("E2 its flags change without a new virtual server", func(t *testing.T) {
		web.edit(annotated("kube-ipvs.io/scheduler-flags", "mh-port,mh-fallback"))
		become(t, s.questions("p3", web.clusterIPs(), refusing...), by("p1", "p2", "r1"))
		s.schedules(t, web, "mh (mh-fallback,mh-port)")
	})
	t.Run("E1 one that the kernel lacks leaves it with the node's, and it is told", func(t *testing.T) {
		web.edit(annotated("kube-ipvs.io/scheduler", "twos"))
		s.schedules(t, web, "rr (flag-3)")
		become(t, s.questions("p3", web.clusterIPs(), refusing...), by("p1", "p2", "r1"))
		s.told(t, web, "the kernel of this node has no scheduler twos (module ip_vs_twos): rr is used")
	})
	t.Run("E1 what is no scheduler is not asked for", func(t *testing.T) {
		web.edit(annotated("kube-ipvs.io/scheduler", "ftp"))
		s.told(t, web, `"ftp" is not a scheduler of the kernel`)
		s.schedules(t, web, "rr (flag-3)")
		if _, err := os.Stat("/sys/module/ip_vs_ftp"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the module ip_vs_ftp is loaded: %v", err)
		}
	})
	t.Run("E1 kube-router's annotation is read too", func(t *testing.T) {
		web.edit(func(svc *corev1.Service) {
			svc.Annotations = map[string]string{"kube-router.io/service.scheduler": "lc"}
		})
		s.schedules(t, web, "lc (flag-3)")
	})
	t.Run("E4 a slice's weight is its endpoints' share", func(t *testing.T) {
		web.edit(annotated("kube-ipvs.io/scheduler", "wrr"))
		web.setEndpoints(endpoints{"p1": ready}, func(slice *discovery.EndpointSlice) {
			slice.Annotations = map[string]string{"kube-ipvs.io/weight": "3"}
		})
		s.second(t, web, endpoints{"r1": ready})
		for _, q := range s.questions("p3", web.clusterIPs(), lab.TCP) {
			err := lab.Until(within(t, patience), func() error { return threeToOne(q) })
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func annotated(key, value string) func(*corev1.Service) {
	return func(svc *corev1.Service) {
		all := maps.Clone(svc.Annotations)
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
		svc.Annotations = all
	}
}

// schedules waits until ipvsadm shows this scheduler for all virtual servers of
// the Service.
func (s *space) schedules(t *testing.T, svc *service, want string) {
	t.Helper()
	err := lab.Until(within(t, patience), func() error {
		text, err := s.Host.Run("ipvsadm", "-Ln")
		if err != nil {
			return err
		}
		found := 0
		for line := range strings.Lines(text) {
			words := strings.Fields(line)
			if len(words) < 3 || !strings.HasPrefix(words[1], svc.Spec.ClusterIP+":") {
				continue
			}
			if got := strings.Join(words[2:], " "); got != want {
				return fmt.Errorf("%s is scheduled by %s, want %s", words[1], got, want)
			}
			found++
		}
		if found != len(svc.Spec.Ports) {
			return fmt.Errorf("%d virtual servers of %s", found, svc.Spec.ClusterIP)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// told waits for an Event on the Service.
func (s *space) told(t *testing.T, svc *service, want string) {
	t.Helper()
	err := lab.Until(within(t, patience), func() error {
		events, err := api.EventsV1().Events(s.name).List(within(t, soon), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Regarding.Name == svc.Name && e.Type == corev1.EventTypeWarning && strings.Contains(e.Note, want) {
				return nil
			}
		}
		return errors.New("no Event on " + svc.Name + " says " + want)
	})
	if err != nil {
		t.Error(err)
	}
}

// second adds slices to a Service, one of each family.
func (s *space) second(t *testing.T, svc *service, of endpoints) {
	t.Helper()
	for _, f := range families {
		slice := s.slice(svc.Name, f, of)
		slice.Name += "-second"
		if _, err := api.DiscoveryV1().EndpointSlices(s.name).Create(within(t, soon), slice, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// threeToOne has p1 answer three times as often as r1.
func threeToOne(q question) error {
	met := map[string]int{}
	for range 16 {
		a, err := q.ask()
		if err != nil {
			return err
		}
		met[a.Pod]++
	}
	if met["p1"] != 12 || met["r1"] != 4 {
		return fmt.Errorf("%s: answered by %v, want p1 12 times and r1 4 times", q, met)
	}
	return nil
}
