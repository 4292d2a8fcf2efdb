//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// A node without any program of iptables is served by tables of nftables: all ways
// to Services answer, what others change is put right, a restart writes nothing,
// rules of the other backend are not put beside these, and a cleanup leaves the
// node as it was.
func TestRulesInNFTables(t *testing.T) {
	if inContainer() {
		return // the programs are the image's
	}
	c := ownCluster(t)
	w := newWorld(t, 5).at(t, c)
	before := witnessOf(t, c.Host)
	w.empty.setEndpoints(some)
	c.env = []string{"PATH=" + t.TempDir()}
	if err := c.start("--rules=nftables"); err != nil {
		t.Fatal(err)
	}
	nft := func(command string) string {
		out, err := c.Host.Run("nft", command)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const list = "list table ip kube-ipvs"
	t.Run("all ways to Services answer", func(t *testing.T) { served(t, w.served()) })
	t.Run("clients outside of the source ranges are kept out", func(t *testing.T) {
		q := w.questions("p1", w.ranged.balanced(), lab.TCP)[0]
		if a, err := q.ask(); err == nil {
			t.Errorf("%s: answered, %v", q, a)
		}
	})
	t.Run("no chain of iptables is ours", func(t *testing.T) {
		if now := witnessOf(t, c.Host); strings.Contains(now.NFT+now.Legacy+now.Sets, "KIPVS") {
			t.Errorf("there are:\n%s%s%s", now.NFT, now.Legacy, now.Sets)
		}
	})
	whole := nft(list)
	t.Run("what others change is put right", func(t *testing.T) {
		nft("flush chain ip kube-ipvs KIPVS-FILTER")
		nft("add rule ip kube-ipvs KIPVS-MARK drop")
		eventually(t, func() error { return unchanged(whole, nft(list)) })
	})
	t.Run("a restart writes nothing", func(t *testing.T) {
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.start("--rules=nftables"); err != nil {
			t.Fatal(err)
		}
		if err := unchanged(whole, nft(list)); err != nil {
			t.Error(err)
		}
		served(t, w.served())
	})
	if code, err := c.Stop(); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v; want 0", code, err)
	}
	t.Run("iptables' rules are not put beside them", func(t *testing.T) {
		code, said := c.runOnce(t, lab.Command{Args: slices.Concat(flags(), []string{"--rules=iptables"})})
		const want = "--rules=iptables: table ip kube-ipvs of nftables is there, which --rules=nftables has made: start with that, or run kube-ipvs --cleanup first"
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("exit code %d, it says:\n%swant %s", code, said, want)
		}
	})
	t.Run("a cleanup leaves the node as it was", func(t *testing.T) {
		before.afterCleanup(t, c, lab.Command{Args: []string{"--cleanup"}, Env: c.env})
	})
}

func unchanged(want, got string) error {
	if got != want {
		return fmt.Errorf("the table (-want +got):\n%s", cmp.Diff(want, got))
	}
	return nil
}
