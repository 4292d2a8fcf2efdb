//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

const (
	offByDefault = "net.ipv6.conf.default.disable_ipv6=1"
	off          = "net.ipv6.conf.kube-ipvs0.disable_ipv6"
)

// Where IPv6 is off for new devices it is switched on for ours (K44).
func TestIPv6IsOffByDefault(t *testing.T) {
	c := ownCluster(t)
	if _, err := c.Host.Run("sysctl", "-qw", offByDefault); err != nil {
		t.Fatal(err)
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready})
	answered(t, s.questions("p3", web.clusterIPs(), lab.Protocols()...), itself, "p1", "r1")
	if now, err := s.Host.Run("sysctl", "-n", off); err != nil || strings.TrimSpace(now) != "0" {
		t.Errorf("%s is %s, %v", off, now, err)
	}
}

// A container that was not prepared may not switch it on. It serves IPv4, in
// good health, and names the sysctl (K44).
func TestIPv6IsOffForGood(t *testing.T) {
	c := ownCluster(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{offByDefault, "net.ipv4.vs.conntrack=1", "net.ipv4.vs.expire_nodest_conn=1", "net.ipv4.ip_forward=1"} {
		if _, err := c.Host.Run("sysctl", "-qw", set); err != nil {
			t.Fatal(err)
		}
	}
	readOnly := []string{"--mount", "sh", "-c", `mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"`, "sh", path}
	args := slices.Concat(readOnly, flags(), []string{"--ipvs-sync-period=2s"})
	err = c.startAs(lab.Command{Path: "unshare", Args: args})
	if err != nil {
		t.Fatal(err)
	}
	s := c.space(t)
	web := s.created("web", endpoints{"p1": ready, "r1": ready})
	questions := slices.DeleteFunc(s.questions("p3", web.clusterIPs(), lab.Protocols()...), func(q question) bool { return q.to.Addr().Is6() })
	if err := lab.Until(within(t, patience), func() error { _, err := questions[0].ask(); return err }); err != nil {
		t.Fatal(err)
	}
	answered(t, questions, itself, "p1", "r1")
	const listings = `kubeipvs_kernel_listings_total{kind="address"}`
	err = lab.UntilEvery(within(t, patience), long, func() error {
		if counted, err := s.count("kubeipvs_kernel_listings_total"); err != nil || counted[listings] < 6 {
			return errors.Join(err, fmt.Errorf("%v listings", counted[listings])) // six periods; health waits for two
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/livez", "/healthz", "/readyz"} {
		if _, err := s.Get(harness.HealthzURL + path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if served, err := s.count("kubeipvs_family_served"); err != nil || served[`kubeipvs_family_served{ip_family="IPv6"}`] != 0 {
		t.Errorf("%v, %v", served, err)
	}
	code, status := s.verb(t, "status")
	if said := s.Log.String(); code != 0 || !strings.Contains(status, off) || !strings.Contains(said, off) || strings.Contains(said, "CAP_NET_ADMIN") {
		t.Errorf("exit code %d; status:\n%s\nlog:\n%s", code, status, said)
	}
	if code, said := s.verb(t, append([]string{"check"}, flags()...)...); code != 0 || !strings.Contains(said, off) {
		t.Errorf("check: exit code %d:\n%s", code, said)
	}
}
