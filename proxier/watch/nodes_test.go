package watch

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Of other Nodes the addresses and those of their Pods count, and nothing else is kept: no heartbeat of
// thousands of them makes any work.
func TestEventsOfOtherNodes(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		nodes := w.api.CoreV1().Nodes()
		other := node("a")
		other.Name, other.Spec.PodCIDR = "n2", "10.1.0.0/24"
		other.Status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: "192.0.2.2"}}
		n := must(nodes.Create(w.ctx, other, metav1.CreateOptions{}))
		w.expect(Moved{Services: times{}, Hosts: true})
		if all := w.cluster.Nodes(); len(all) != 1 || all[0].Labels != nil || all[0].Spec.PodCIDR != "10.1.0.0/24" || len(all[0].Status.Addresses) != 1 {
			w.Errorf("kept: %v", all)
		}

		n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, LastHeartbeatTime: metav1.Time{Time: noon}}}
		n.Spec.Taints = []v1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}
		n.Labels[v1.LabelTopologyZone] = "b"
		n = must(nodes.Update(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}})

		n.Status.Addresses = append(n.Status.Addresses, v1.NodeAddress{Type: v1.NodeExternalIP, Address: "198.51.100.2"})
		n = must(nodes.UpdateStatus(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}, Hosts: true})

		n.Spec.PodCIDRs = []string{"10.1.0.0/24", "fd00:10:1::/64"}
		must(nodes.Update(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}, Hosts: true})

		if err := nodes.Delete(w.ctx, "n2", metav1.DeleteOptions{}); err != nil {
			w.Fatal(err)
		}
		w.expect(Moved{Services: times{}, Hosts: true})
	})
}

func TestNodeEvents(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		nodes := w.api.CoreV1().Nodes()
		n := must(nodes.Create(w.ctx, node("a"), metav1.CreateOptions{}))
		w.expect(Moved{Services: times{}, Node: true, Hosts: true})

		n.Status.Conditions = []v1.NodeCondition{{Type: v1.NodeReady, LastHeartbeatTime: metav1.Time{Time: noon}}}
		n.Status.Images = []v1.ContainerImage{{Names: []string{"cart"}}}
		n = must(nodes.UpdateStatus(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}})

		n.Spec.Taints = []v1.Taint{{Key: "ToBeDeletedByClusterAutoscaler"}}
		n = must(nodes.Update(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}, Node: true})

		n.Labels[v1.LabelTopologyZone] = "b"
		must(nodes.Update(w.ctx, n, metav1.UpdateOptions{}))
		w.expect(Moved{Services: times{}, Node: true})

		if err := nodes.Delete(w.ctx, "n1", metav1.DeleteOptions{}); err != nil {
			w.Fatal(err)
		}
		w.expect(Moved{Services: times{}, Node: true, Hosts: true})
		if n := w.cluster.Node(); n != nil {
			w.Errorf("node %v", n)
		}
	})
}
