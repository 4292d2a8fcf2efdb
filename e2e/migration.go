//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// migration is one on its way.
type migration struct {
	world
	kubeProxy *kubeProxy
	before    witness // kube-proxy first started
}

// run starts kube-proxy, in the place of an earlier one.
func (g *migration) run(t *testing.T, m mode) {
	t.Helper()
	if g.kubeProxy.Process != nil {
		g.kubeProxy.stop(t)
	}
	begin := time.Now()
	g.kubeProxy.start(t, m)
	t.Logf("kube-proxy in %s has synced after %s", m, time.Since(begin).Round(100*time.Millisecond))
	if m.name == "nftables" && lost(g.before, witnessOf(t, g.Host)) > 0 {
		// In this mode it deletes all virtual servers of the node when it starts.
		feed(t, g.Host, foreignServers, "ipvsadm", "--restore")
	}
}

// switchOver ends kube-proxy and starts kube-ipvs.
func (g *migration) switchOver(t *testing.T) {
	served(t, g.served())
	refused(t, g.toEmpty())
	connections := hold(t, append(
		g.questions("p3", g.web.clusterIPs(), lab.TCP),
		g.web.onNode("outside", nodeAddrs[:2], lab.TCP)...))
	loops := g.startAsking(t)
	until(t, loops, func(c lab.Counts) bool { return c.Answered() >= 50 })

	g.kubeProxy.stop(t)
	g.empty.setEndpoints(some)
	begin := time.Now()
	if err := g.start("--ipvs-sync-period=1s"); err != nil {
		t.Fatal(err)
	}
	t.Logf("kube-ipvs is ready after %s", time.Since(begin).Round(100*time.Millisecond))
	t.Run("takeover", func(t *testing.T) {
		g.awaitTakeover(t)
		t.Logf("done %s after the start", time.Since(begin).Round(100*time.Millisecond))
	})
	t.Run("no question was unanswered meanwhile", func(t *testing.T) { unbroken(t, loops) })
	t.Run("nothing of kube-proxy's is left, and all of others", func(t *testing.T) {
		g.before.untilTakenOver(t, g.cluster)
	})
	t.Run("a Service that had no endpoint when kube-proxy was stopped answers", func(t *testing.T) {
		answered(t, g.questions("p3", g.empty.clusterIPs(), lab.TCP), itself, "p1", "r1")
		served(t, g.toEmpty())
	})
	t.Run("all kinds of Services answer", func(t *testing.T) { served(t, g.served()) })
	t.Run("connections from before live on", func(t *testing.T) {
		for _, c := range connections {
			if a, err := c.Ping(); err != nil || a != c.first {
				t.Errorf("%s: first %s, now %v, %v", c.question, c.first, a, err)
			}
		}
	})
	t.Run("many syncs later others still have what is theirs (K10)", func(t *testing.T) {
		g.manySyncs(t, harness.MetricsURL)
		g.before.untilTakenOver(t, g.cluster)
	})
}

// manySyncs waits until the daemon, whose metrics are at url, has read the kernel back
// some times.
func (g *migration) manySyncs(t *testing.T, url string) {
	t.Helper()
	const listings = `kubeipvs_kernel_listings_total{kind="virtual server"}`
	before, err := g.countAt(url, listings)
	if err != nil {
		t.Fatal(err)
	}
	err = lab.UntilEvery(within(t, patience), long, func() error {
		now, err := g.countAt(url, listings)
		if n := now[listings] - before[listings]; err == nil && n < 4 {
			err = fmt.Errorf("%v listings", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unbroken ends the loops and tells how it went. The last of them goes to a Pod
// itself: what it loses is lost by the machine, not by those who serve Services.
func unbroken(t *testing.T, loops []asking) {
	t.Helper()
	var ends []lab.Counts
	for _, l := range loops {
		ends = append(ends, l.Stop())
		t.Logf("%s: %s", l.question, ends[len(ends)-1])
	}
	last := len(loops) - 1
	for i, c := range ends[:last] {
		if c.Failed() > ends[last].Failed() {
			t.Errorf("%s: %d are lost, and %d without a Service", loops[i].question, c.Failed(), ends[last].Failed())
		}
	}
}

// direct goes to a Pod without any Service.
func (c *cluster) direct(from, to string) question {
	return question{c.client(from), lab.TCP, netip.AddrPortFrom(c.Pod(to).IPv4, lab.Port)}
}

// awaitTakeover asks rarely, not to disturb those who count what is lost.
func (g *migration) awaitTakeover(t *testing.T) {
	t.Helper()
	err := lab.UntilEvery(within(t, 3*patience), long, func() error {
		is, err := g.count("kubeipvs_takeover_done")
		if err == nil && is["kubeipvs_takeover_done"] != 1 {
			err = errors.New("the takeover is not done")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// startAsking has the pace of fifty new connections a second, half of them
// through each way; datagrams are some less, which is what an emulated machine
// bears.
func (g *migration) startAsking(t *testing.T) (all []asking) {
	for _, q := range []question{
		g.questions("p3", g.web.clusterIPs(), lab.TCP)[0],
		g.web.onNode("outside", nodeAddrs[:1], lab.TCP)[0],
		g.questions("p3", g.web.clusterIPs(), lab.UDP)[0],
		g.web.onNode("outside", nodeAddrs[:1], lab.UDP)[0],
		g.direct("p3", "p1"),
	} {
		every := 40 * time.Millisecond
		if q.protocol == lab.UDP {
			every = 100 * time.Millisecond
		}
		l := lab.StartLoop(q.from.Namespace, q.protocol, q.to, lab.Pace{Every: every, Timeout: soon})
		t.Cleanup(func() { l.Stop() })
		all = append(all, asking{q, l})
	}
	return all
}

// cleanUp takes kube-ipvs away.
func (g *migration) cleanUp(t *testing.T, lent bool) {
	if code, err := g.Stop(); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v; want 0", code, err)
	}
	t.Run("after one --cleanup the node is as it was before kube-proxy", func(t *testing.T) { g.cleanedUp(t, lent) })
}

// cleanedUp runs it. A chain that others use is left, which it says.
func (g *migration) cleanedUp(t *testing.T, lent bool) {
	t.Helper()
	cleanup := lab.Command{Args: []string{"--cleanup"}, Env: g.env}
	if !lent {
		g.before.afterCleanup(t, g.cluster, cleanup)
		return
	}
	said := g.before.afterCleanupThatEnds(t, g.cluster, cleanup, 1)
	if !strings.Contains(said, "left: ") || !strings.Contains(said, "KUBE-MARK-MASQ") {
		t.Errorf("it says:\n%swant that KUBE-MARK-MASQ is left", said)
	}
}
