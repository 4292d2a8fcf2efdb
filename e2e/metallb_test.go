//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// TestMetalLB is where the founding story broke off: MetalLB in layer 2 mode.
// It begins with the mistake that everybody makes once (K47).
func TestMetalLB(t *testing.T) {
	m := newMetalLB(t)
	m.install(t)
	m.startDaemons(t, "--ipvs-strict-arp=false")
	s := m.space(t)
	m.startMetalLB(t)

	web := s.assigned("web")
	own := s.assigned("own", local)
	t.Logf("web has %v, own has %v", web.ingress(), own.ingress())
	m.withoutStrictARP(t, web)
	m.startDaemons(t, "--ipvs-strict-arp")
	t.Run("kube-ipvs check has nothing to say any more", func(t *testing.T) {
		if code, said := m.check(t, "--ipvs-strict-arp"); code != 0 {
			t.Errorf("exit code %d:\n%s", code, said)
		}
	})
	for _, svc := range []*service{web, own} {
		policy := svc.Spec.ExternalTrafficPolicy
		t.Run(fmt.Sprintf("policy %s", policy), func(t *testing.T) { m.serves(t, svc) })
	}
	m.excludes(t, web)
	for _, svc := range []*service{web, own} {
		policy := svc.Spec.ExternalTrafficPolicy
		t.Run(fmt.Sprintf("policy %s, the announcing node is gone", policy), func(t *testing.T) {
			m.loses(t, m.announcer(t, svc.ingress()), web, own)
		})
	}
}

// withoutStrictARP is what happens without it.
func (m *metalLB) withoutStrictARP(t *testing.T, web *service) {
	t.Run("without strict ARP every node answers ARP", func(t *testing.T) {
		become(t, m.questions("outside", web.ingress(), lab.TCP), by("p1", "r1", "s1"))
		at := web.ingress()
		four, err4 := m.announcers(at.v4)
		six, err6 := m.announcers(at.v6)
		t.Logf("%v answer ARP for %s, %v neighbour discovery for %s", four, at.v4, six, at.v6)
		if err := errors.Join(err4, err6); err != nil || len(four) != len(m.speakers) || len(six) != 1 {
			t.Errorf("%v; want all and one", err)
		}
	})
	t.Run("kube-ipvs check names it", func(t *testing.T) {
		const want = "speaker announces addresses by ARP, and this node answers for all of them (arp_ignore 0)"
		code, said := m.check(t, "--ipvs-strict-arp=false")
		if code != 1 || !strings.Contains(said, want) || !strings.Contains(metalLBDocs(t), want) {
			t.Errorf("exit code %d:\n%swant there and in the docs: %s", code, said, want)
		}
	})
}

// check runs `kube-ipvs check` on the first node.
func (m *metalLB) check(t *testing.T, further ...string) (code int, said string) {
	t.Helper()
	args := slices.Concat([]string{"check"}, flags(), further)
	return m.runOnce(t, lab.Command{Args: args})
}

// serves is a Service that works, on the node that announces it.
func (m *metalLB) serves(t *testing.T, svc *service) {
	at := svc.ingress()
	one := m.announcer(t, at)
	t.Logf("%s announces %v", one, at)
	t.Run("MetalLB says the same", func(t *testing.T) {
		client := dynamicClient(t)
		ctx := within(t, patience)
		err := lab.Until(ctx, func() error {
			node, err := announcedBy(ctx, client, svc)
			if err == nil && node != one.node.Name {
				err = fmt.Errorf("%s announces, and MetalLB says %s", one, node)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	questions := m.questions("outside", at, lab.Protocols()...)
	if svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal {
		// Only the Pod there answers, and it sees whom it talks to.
		answered(t, questions, itself, one.node.Pods[0].Name)
	} else {
		answered(t, questions, anybody, "p1", "r1", "s1")
	}
	t.Run("kube-ipvs trace has nothing against it", func(t *testing.T) {
		to := netip.AddrPortFrom(at.v4, port).String()
		if code, said := one.daemon.runOnce(t, lab.Command{Args: []string{"trace", to}}); code != 0 {
			t.Errorf("exit code %d:\n%s", code, said)
		} else {
			t.Logf("\n%s", said)
		}
	})
}

// excludes is what a cluster whose only node is of the control plane has from
// the beginning.
func (m *metalLB) excludes(t *testing.T, web *service) {
	t.Run("nodes that are excluded from load balancers announce nothing", func(t *testing.T) {
		at := web.ingress()
		label := func(value string) {
			t.Helper()
			patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, corev1.LabelNodeExcludeBalancers, value)
			for _, s := range m.speakers {
				_, err := api.CoreV1().Nodes().Patch(within(t, soon), s.node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
				if err != nil {
					t.Error(err)
				}
			}
		}
		label(`""`)
		err := lab.Until(within(t, patience), func() error {
			all, err := m.announcers(at.v4)
			if err == nil && len(all) > 0 {
				err = fmt.Errorf("%v announce %s", all, at.v4)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		label("null")
		m.announcer(t, at)
	})
}

// loses takes a node away, under traffic. Another one announces what that one
// did, and its Pods are told to be gone as the node controller would tell.
func (m *metalLB) loses(t *testing.T, gone *speaker, services ...*service) {
	var loops []*lab.Loop
	for _, svc := range services {
		for _, q := range m.questions("outside", svc.ingress(), lab.TCP) {
			loops = append(loops, lab.StartLoop(q.from.Namespace, q.protocol, q.to, lab.Pace{Every: 100 * time.Millisecond, Timeout: time.Second}))
		}
	}
	for _, l := range loops {
		if err := l.Until(within(t, patience), func(c lab.Counts) bool { return c.Answered() > 0 }); err != nil {
			t.Error(err)
		}
	}
	begin := time.Now()
	m.unplug(t, gone)
	left := endpoints{}
	for _, s := range m.speakers {
		if !s.gone {
			left[s.node.Pods[0].Name] = ready
		}
	}
	for _, svc := range services {
		svc.setEndpoints(left)
	}
	for _, svc := range services {
		one := m.announcer(t, svc.ingress())
		t.Logf("%s announces %s after %s", one, svc.Name, time.Since(begin).Round(time.Millisecond))
		pods := []string{one.node.Pods[0].Name}
		if svc.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
			pods = slices.Collect(maps.Keys(left))
		}
		become(t, m.questions("outside", svc.ingress(), lab.TCP), by(pods...))
	}
	for _, l := range loops {
		t.Log(l.Stop())
	}
}
