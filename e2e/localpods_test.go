//go:build e2e

package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestLocalPods has daemons that tell Pods of their node from other clients in
// each of the ways there are. A Pod keeps its address on the way to a cluster
// address, and with policy Local it is answered by endpoints elsewhere too.
func TestLocalPods(t *testing.T) {
	s := shared.space(t)
	lb := external()
	of := endpoints{"p1": ready, "r1": ready}
	web := s.created("web", of, loadBalancer(lb), local)
	run := func(t *testing.T, mode string, more ...string) {
		t.Helper()
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := s.start(append(more, "--detect-local-mode="+mode)...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	isPod := func(t *testing.T, name string) {
		t.Helper()
		become(t, s.questions(name, web.clusterIPs(), refusing...), seenAs(itself, "p1", "r1"))
		become(t, s.questions(name, lb, refusing...), seenAs(itself, "p1", "r1"))
	}
	others := func(t *testing.T, names ...string) {
		t.Helper()
		for _, name := range names {
			become(t, s.questions(name, web.clusterIPs(), refusing...), seenAs(theNode, "p1", "r1"))
		}
		become(t, s.questions("outside", lb, refusing...), seenAs(itself, "p1"))
	}
	t.Run("A35 those behind one interface", func(t *testing.T) {
		run(t, "BridgeInterface", "--pod-bridge-interface=vethp3")
		isPod(t, "p3")
		others(t, "p2", "node", "outside")
	})
	t.Run("A36 those behind interfaces with a prefix", func(t *testing.T) {
		run(t, "InterfaceNamePrefix", "--pod-interface-name-prefix=vethp")
		isPod(t, "p2")
		isPod(t, "p3")
		others(t, "node", "outside")
	})
	t.Run("A33 those in the Node's networks, which it does not have yet", func(t *testing.T) {
		ctx := within(t, soon)
		if err := api.CoreV1().Nodes().Delete(ctx, "node", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := createTheNode(ctx); err != nil {
			t.Fatal(err)
		}
		run(t, "NodeCIDR")
		others(t, "p3", "node", "outside")
	})
	t.Run("D23 and gets without a restart of the daemon", func(t *testing.T) {
		s.givePodRanges(t)
		isPod(t, "p3")
		others(t, "node", "outside")
	})
	t.Run("A33 and a daemon that starts anew finds in place", func(t *testing.T) {
		before := s.mustLook(t)
		run(t, "NodeCIDR")
		s.becomes(before)
		isPod(t, "p2")
	})
}

// seenAs is answered, in the end, by all of these Pods, who see this client.
func seenAs(as source, pods ...string) func(question) error {
	return func(q question) error { return q.answered(as, pods) }
}

// givePodRanges does what a controller of the cluster does for a Node, which has
// them from then on.
func (s *space) givePodRanges(t *testing.T) {
	t.Helper()
	ctx := within(t, soon)
	node, err := api.CoreV1().Nodes().Get(ctx, "node", metav1.GetOptions{})
	if err == nil {
		node.Spec.PodCIDR, node.Spec.PodCIDRs = rangesOfNode[0], rangesOfNode
		_, err = api.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}
