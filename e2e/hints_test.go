//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// hints are the nodes and zones that an endpoint is meant for.
type hints struct{ node, zone string }

// hinted writes hints into a slice, by Pod.
func (c *cluster) hinted(by map[string]hints) func(*discovery.EndpointSlice) {
	return func(slice *discovery.EndpointSlice) {
		for pod, h := range by {
			addr := c.client(pod).addrs.of(corev1.IPFamily(slice.AddressType)).String()
			for i := range slice.Endpoints {
				if e := &slice.Endpoints[i]; e.Addresses[0] == addr {
					e.Hints = h.api()
				}
			}
		}
	}
}

func (h hints) api() *discovery.EndpointHints {
	out := &discovery.EndpointHints{}
	if h.node != "" {
		out.ForNodes = []discovery.ForNode{{Name: h.node}}
	}
	if h.zone != "" {
		out.ForZones = []discovery.ForZone{{Name: h.zone}}
	}
	return out
}

// TestHints asks one Service with external policy Local by its cluster
// addresses, by its load balancer's addresses from a Pod, who is not subject
// to that policy, and from outside.
func TestHints(t *testing.T) {
	s := shared.space(t)
	lb := external()
	all := endpoints{"p1": ready, "p2": ready, "r1": ready}
	web := s.created("web", all, loadBalancer(lb), local)
	inside := append(s.questions("p3", web.clusterIPs(), lab.TCP), s.questions("p3", lb, lab.TCP)...)
	outside := s.questions("outside", lb, lab.TCP)
	set := func(of endpoints, p1, p2, r1 hints) func() {
		return func() { web.setEndpoints(of, s.hinted(map[string]hints{"p1": p1, "p2": p2, "r1": r1})) }
	}
	ours, theirs := hints{"node", "zone-a"}, hints{"node2", "zone-b"}
	leaving := endpoints{"p1": terminating, "p2": terminating, "r1": terminating}
	for _, step := range []struct {
		name   string
		change func()
		inside []string
	}{
		{"B130 all meant for nodes: those for ours", set(all, hints{"node", "zone-b"}, hints{"node2", "zone-b"}, hints{"node2", "zone-a"}), []string{"p1"}},
		{"B131 no hint for our node: those for our zone", set(all, theirs, theirs, hints{"node2", "zone-a"}), []string{"r1"}},
		{"B132 no hint for our zone either: all", set(all, theirs, theirs, theirs), []string{"p1", "p2", "r1"}},
		{"B133 hints for nodes are incomplete: those for our zone", set(all, hints{"node", "zone-b"}, hints{"", "zone-b"}, hints{"", "zone-a"}), []string{"r1"}},
		{"B132 hints are missing: all", set(all, ours, hints{}, theirs), []string{"p1", "p2", "r1"}},
		{"B134 terminating endpoints heed no hints", set(leaving, ours, theirs, theirs), []string{"p1", "p2", "r1"}},
		{"B131 hints for zones", set(all, hints{"", "zone-b"}, hints{"", "zone-b"}, hints{"", "zone-a"}), []string{"r1"}},
		{"B135 the node moves to another zone", func() { moveNode(t, "zone-b") }, []string{"p1", "p2"}},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.change()
			become(t, inside, by(step.inside...))
			// B134: the local list heeds none.
			become(t, outside, by("p1", "p2"))
		})
	}
	moveNode(t, "zone-a")
}

func moveNode(t *testing.T, zone string) {
	t.Helper()
	ctx := within(t, soon)
	node, err := api.CoreV1().Nodes().Get(ctx, "node", metav1.GetOptions{})
	if err == nil {
		node.Labels[corev1.LabelTopologyZone] = zone
		_, err = api.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
