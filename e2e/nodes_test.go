//go:build e2e

package e2e

import (
	"errors"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// serveOnNode2 runs a second daemon, on the other node, until the test ends.
func serveOnNode2(t *testing.T) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: shared.Node2.Name}}
	if _, err := api.CoreV1().Nodes().Create(within(t, soon), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	relay, err := harness.RelayAPI(shared.Node2.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{Program: harness.Program{Host: shared.Node2.Namespace}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon of node2 said:\n%s", d.Log.String())
		}
		err := errors.Join(d.Kill(), relay.Close(),
			api.CoreV1().Nodes().Delete(within(t, soon), node.Name, metav1.DeleteOptions{}))
		code, said := d.runOnce(t, lab.Command{Args: []string{"--cleanup"}})
		if err != nil || code != 0 {
			t.Errorf("end of node2: %v; cleanup: exit code %d: %s", err, code, said)
		}
	})
	if err := d.start("--hostname-override=" + node.Name); err != nil {
		t.Fatal(err)
	}
}

// TestTwoNodes has two nodes that serve. What is asked on one of them never
// needs the other's virtual servers.
func TestTwoNodes(t *testing.T) {
	s := shared.space(t)
	serveOnNode2(t)
	lb := external()
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, loadBalancer(lb), local)
	node2 := web.onNode("r2", []netip.Addr{shared.Node2.IPv4, shared.Node2.IPv6}, lab.TCP)
	t.Run("B89 Pods of the other node reach all endpoints there", func(t *testing.T) {
		become(t, append(s.questions("r2", lb, refusing...), node2...), by("p1", "r1"))
	})
	t.Run("B89 so do they at cluster addresses", func(t *testing.T) {
		become(t, s.questions("r2", web.clusterIPs(), refusing...), by("p1", "r1"))
	})
	t.Run("B85 clients outside meet the endpoints of the node that they ask", func(t *testing.T) {
		become(t, web.onNode("outside", nodeAddrs[:2], lab.TCP), by("p1"))
		become(t, web.onNode("outside", []netip.Addr{shared.Node2.IPv4, shared.Node2.IPv6}, lab.TCP), by("r1"))
	})
	t.Run("B131 B81 the node's own view decides", func(t *testing.T) {
		web.edit(func(svc *corev1.Service) {
			svc.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
		})
		become(t, s.questions("r2", web.clusterIPs(), lab.TCP), by("r1"))
		become(t, s.questions("p3", web.clusterIPs(), lab.TCP), by("p1"))
	})
}
