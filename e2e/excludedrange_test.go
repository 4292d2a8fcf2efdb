//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// excludeCIDRs are about virtual servers of others. A Service in such a range is
// served, its servers are ours, and they go with it (A30).
func TestAServiceInAnExcludedRange(t *testing.T) {
	c := ownCluster(t)
	excluded := []string{"--ipvs-exclude-cidrs=198.51.100.0/24,2001:db8:51::/64", "--ipvs-sync-period=1s"}
	if err := c.start(excluded...); err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	const others = "TCP 198.51.100.250:6443 wrr\n"
	feed(t, c.Host, "-A -t 198.51.100.250:6443 -s wrr\n", "ipvsadm", "--restore")
	t.Cleanup(func() { feed(t, c.Host, "-D -t 198.51.100.250:6443\n", "ipvsadm", "--restore") })
	ips := external()
	web := s.service("web", endpoints{"p1": ready}, externalIPs(ips))
	held := func(t *testing.T, want bool) {
		t.Helper()
		now := s.mustLook(t).IPVS
		for _, addr := range ips.texts() {
			if strings.Contains(now, addr) != want {
				t.Errorf("%s is held %t:\n%s", addr, !want, now)
			}
		}
		if !strings.Contains(now, others) {
			t.Errorf("what others have is gone:\n%s", now)
		}
	}
	t.Run("it is served, and no drift", func(t *testing.T) {
		answered(t, s.questions("outside", ips, lab.TCP), theNode, "p1")
		listings := func() (n float64) {
			counted, err := s.count("kubeipvs_kernel_listings_total")
			if err != nil {
				t.Fatal(err)
			}
			return counted[`kubeipvs_kernel_listings_total{kind="virtual server"}`]
		}
		before := listings()
		err := lab.UntilEvery(within(t, patience), long, func() error {
			if n := listings() - before; n < 3 {
				return fmt.Errorf("%v listings", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if drift, err := s.count("kubeipvs_"); err != nil || drift[`kubeipvs_drift_total{kind="virtual server"}`] > 0 {
			t.Errorf("drift: %v, %v", drift, err)
		}
		held(t, true)
	})
	t.Run("it goes with its Service, also through a restart", func(t *testing.T) {
		if _, err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		web.delete()
		if err := s.start(excluded...); err != nil {
			t.Fatal(err)
		}
		held(t, false)
	})
	t.Run("cleanup with the flag removes ours and leaves others'", func(t *testing.T) {
		s.service("again", endpoints{"p1": ready}, externalIPs(ips))
		if _, err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		code, said := s.runOnce(t, lab.Command{Args: slices.Concat(flags(), excluded, []string{"cleanup"})})
		if code != 0 || !strings.Contains(said, ips.v4.String()) {
			t.Errorf("exit code %d:\n%s", code, said)
		}
		if left := s.mustLook(t).IPVS; left != others {
			t.Errorf("left:\n%s", left)
		}
	})
}
