//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// A kube-proxy that was not stopped is noticed and named; Services go on
// answering beside it, and neither undoes the other's work.
func TestKubeProxyBesideUs(t *testing.T) {
	w := newWorld(t, 5)
	c := ownCluster(t)
	g := migration{world: w.at(t, c), kubeProxy: newKubeProxy(t, c.Host), before: witnessOf(t, c.Host)}
	g.run(t, mode{"iptables", nft})
	loops := startAsking(t, []question{
		g.questions("p3", g.web.clusterIPs(), lab.TCP)[0],
		g.web.onNode("outside", nodeAddrs[:1], lab.TCP)[0],
		g.direct("p3", "p1"),
	})

	// kube-proxy has the ports where both would be asked.
	const elsewhere = "http://127.0.0.1:11249"
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	says := func(sign string) func() error {
		return func() error {
			text, err := c.Get(elsewhere + "/metrics")
			if err == nil && !strings.Contains(text, fmt.Sprintf("kubeipvs_kube_proxy_running{evidence=%q} 1\n", sign)) {
				err = fmt.Errorf("kube-proxy's %s is not seen", sign)
			}
			return err
		}
	}
	args := append(flags(), "--metrics-bind-address=127.0.0.1:11249", "--ipvs-sync-period=1s")
	if err := c.Start(lab.Command{Path: path, Args: args}, long, says("health port")); err != nil {
		t.Fatal(err)
	}
	err = lab.Until(within(t, patience), func() error {
		if kubeProxyChains(t, c.Host) > 0 {
			return errors.New("kube-proxy's chains are still there")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("its chains come back with some change, and that is seen too", func(t *testing.T) {
		// The first lets it find out that its chains have gone, the next that
		// it has to write them all.
		turns := []endpoints{{"p2": ready}, some}
		err := lab.UntilEvery(within(t, 2*patience), 2*time.Second, func() error {
			g.ip.setEndpoints(turns[0])
			slices.Reverse(turns)
			return says("rules")()
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("log, Event and status name it", func(t *testing.T) {
		if !strings.Contains(c.Log.String(), "kube-proxy is at work on this node beside kube-ipvs") {
			t.Error("the log does not")
		}
		if err := lab.Until(within(t, patience), eventOnNode(t, "KubeProxyAtWork")); err != nil {
			t.Error(err)
		}
		if _, said := c.runOnce(t, lab.Command{Args: []string{"status"}}); !strings.Contains(said, "kube-proxy is at work here too") {
			t.Errorf("status says:\n%s", said)
		}
	})
	t.Run("no fight: its chains stay for many of our syncs", func(t *testing.T) {
		before := kubeProxyChains(t, c.Host)
		g.manySyncs(t, elsewhere)
		if now := kubeProxyChains(t, c.Host); now < before {
			t.Errorf("of %d chains of kube-proxy's %d are left", before, now)
		}
	})
	t.Run("Services answer", func(t *testing.T) { served(t, g.served()) })
	t.Run("no question was unanswered meanwhile", func(t *testing.T) { unbroken(t, loops) })
	t.Run("kube-proxy is stopped, and that is said", func(t *testing.T) {
		g.kubeProxy.stop(t)
		err := lab.UntilEvery(within(t, patience), long, func() error {
			if says("health port")() == nil {
				return errors.New("its health port is still seen")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// With --takeover=false nothing of kube-proxy's is touched, and kube-proxy works
// again in any mode when it is started in our place, without a cleanup.
func TestBackWithoutCleanup(t *testing.T) {
	w := newWorld(t, 5)
	for _, m := range []mode{{"iptables", nft}, {"ipvs", nft}, {"nftables", nft}} {
		t.Run(m.String(), func(t *testing.T) {
			c := ownCluster(t)
			g := migration{world: w.at(t, c), kubeProxy: newKubeProxy(t, c.Host)}
			g.run(t, m)
			g.kubeProxy.stop(t)
			was := witnessOf(t, c.Host)
			if err := c.start("--takeover=false"); err != nil {
				t.Fatal(err)
			}
			served(t, g.beside())
			now := witnessOf(t, c.Host)
			for i, f := range now.fields() {
				for _, line := range minus(lines(was.fields()[i].text), lines(f.text)) {
					if strings.Contains(line, "KUBE-") || strings.Contains(line, "kube-proxy") {
						t.Errorf("%s: gone is %s", f.name, line)
					}
				}
			}
			if code, err := c.Stop(); err != nil || code != 0 {
				t.Fatalf("exit code %d, %v; want 0", code, err)
			}
			g.run(t, m)
			served(t, g.beside())
		})
	}
}

// kubeProxyChains is how many there are for Services and endpoints.
func kubeProxyChains(t *testing.T, n *lab.Namespace) int {
	t.Helper()
	rules, err := rulesOf(n, nft)
	if err != nil {
		t.Fatal(err)
	}
	return len(perService.FindAllString(rules, -1))
}

func eventOnNode(t *testing.T, reason string) func() error {
	return func() error {
		events, err := api.EventsV1().Events(metav1.NamespaceDefault).List(within(t, soon), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Regarding.Kind == "Node" && e.Reason == reason && e.Type == corev1.EventTypeWarning {
				t.Logf("%s: %s", e.Reason, e.Note)
				return nil
			}
		}
		return fmt.Errorf("of %d Events none is %s on the Node", len(events.Items), reason)
	}
}
