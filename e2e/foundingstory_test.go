//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// The story that this project began with: a Service web is made in kube-proxy's
// iptables mode, kube-proxy is switched to ipvs mode, the old chains stay, and
// `kube-proxy --cleanup` does not help. In the end a Service of type
// LoadBalancer does not answer, and it is not known why.
func TestFoundingStory(t *testing.T) {
	w := newWorld(t, 5)
	t.Run("with kube-proxy", func(t *testing.T) { newStory(t, w).withKubeProxy(t) })
	t.Run("with kube-ipvs in the place of kube-proxy's ipvs mode", func(t *testing.T) { newStory(t, w).withKubeIPVS(t) })
	t.Run("with kube-ipvs after all that", func(t *testing.T) {
		s := newStory(t, w)
		s.toIPVS(t)
		s.kubeProxy.cleanup(t, nft)
		s.withKubeIPVS(t)
	})
}

// newStory is told up to the third step: web answers on its cluster address in
// iptables mode.
func newStory(t *testing.T, w world) *migration {
	t.Helper()
	c := ownCluster(t)
	addForeign(t, c.Host, nft)
	s := &migration{world: w.at(t, c), kubeProxy: newKubeProxy(t, c.Host), before: witnessOf(t, c.Host)}
	s.empty.setEndpoints(nil)
	s.run(t, mode{"iptables", nft})
	served(t, s.served())
	refused(t, s.toEmpty())
	now := witnessOf(t, c.Host)
	if !strings.Contains(now.NFT, s.web.Spec.ClusterIP) || strings.Contains(now.Addresses, s.web.Spec.ClusterIP) {
		t.Errorf("rules:\n%saddresses:\n%swant %s in the former only", now.NFT, now.Addresses, s.web.Spec.ClusterIP)
	}
	return s
}

// toIPVS is the switch, during which the load balancer's Service gets its Pods.
func (g *migration) toIPVS(t *testing.T) {
	t.Helper()
	g.kubeProxy.stop(t)
	g.empty.setEndpoints(some)
	g.run(t, mode{"ipvs", nft})
}

func (g *migration) withKubeProxy(t *testing.T) {
	g.toIPVS(t)
	t.Run("the old chains stay, and nothing leads there", func(t *testing.T) {
		if stale := g.staleChains(t); len(stale) == 0 {
			t.Error("there are none: kube-proxy has learned to take its rubbish away")
		}
	})
	t.Run("a Service that works is refused", func(t *testing.T) {
		n := refusals(t, g.toEmpty())
		t.Logf("%d of %d questions to it are refused", n, len(g.toEmpty()))
		if n == 0 {
			t.Error("it answers")
		}
	})
	t.Run("kube-proxy --cleanup leaves the old chains and takes what works", func(t *testing.T) {
		code, _ := g.kubeProxy.cleanup(t, nft)
		stale := g.staleChains(t)
		now := witnessOf(t, g.Host)
		t.Logf("exit code %d, %d chains stay; left are %s", code, len(stale), leftovers(g.before, now))
		if code == 0 || len(stale) == 0 {
			t.Errorf("exit code %d, %d old chains: it helps", code, len(stale))
		}
		if lost(g.before, now) != 3 {
			t.Error("virtual servers of others live")
		}
		_, err := g.questions("outside", g.web.clusterIPs(), lab.TCP)[0].ask()
		if err == nil {
			t.Error("web answers: the state that was in use is still there")
		}
		t.Logf("web: %v", err)
	})
}

var perService = regexp.MustCompile(`(?m)^ip6?tables nat :(KUBE-(?:SVC|SEP|EXT|FW|SVL|XLB)-[A-Z2-7]{16}) `)

// staleChains are those of iptables mode for each Service and endpoint.
func (g *migration) staleChains(t *testing.T) (all []string) {
	t.Helper()
	for _, m := range perService.FindAllStringSubmatch(witnessOf(t, g.Host).NFT, -1) {
		all = append(all, m[1])
	}
	return all
}

func (g *migration) withKubeIPVS(t *testing.T) {
	g.kubeProxy.stop(t)
	g.empty.setEndpoints(some)
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	if lost(g.before, witnessOf(t, g.Host)) > 0 {
		g.before.IPVS = "" // kube-proxy's own cleanup has been here
	}
	t.Run("nothing of kube-proxy's is left, and all of others", func(t *testing.T) {
		g.before.untilTakenOver(t, g.cluster)
	})
	t.Run("the Service that the old rules refused answers", func(t *testing.T) {
		served(t, g.toEmpty())
	})
	t.Run("so do all others", func(t *testing.T) { served(t, g.served()) })
	t.Run("and --cleanup leaves a clean node", func(t *testing.T) {
		if code, err := g.Stop(); err != nil || code != 0 {
			t.Fatalf("exit code %d, %v; want 0", code, err)
		}
		g.before.afterCleanup(t, g.cluster, lab.Command{Args: []string{"--cleanup"}})
	})
}
