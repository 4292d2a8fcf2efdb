//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// What a container needs full privileges for is done by another before it: the
// daemon then has /proc/sys read-only and two capabilities (A4).
func TestInit(t *testing.T) {
	c := ownCluster(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	asked := []string{"--ipvs-strict-arp", "--ipvs-tcp-timeout=20m", "--conntrack-udp-timeout-stream=150s"}
	confined := []string{
		"--mount", "sh", "-c",
		`mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec setpriv --bounding-set=-all,+net_admin,+net_raw "$@"`, "sh", path,
	}
	confinedDaemon := func(t *testing.T) {
		t.Helper()
		err := c.startAs(lab.Command{Path: "unshare", Args: slices.Concat(confined, flags(), asked)})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Run("without it the daemon names the sysctl that it cannot set", func(t *testing.T) {
		code, said := c.runOnce(t, lab.Command{Path: "unshare", Args: slices.Concat(confined, flags(), asked)})
		if code != 1 || !strings.Contains(said, "kube-ipvs: sysctl net.ipv4.vs.conntrack is 0 and has to be 1: ") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
	})
	for _, verb := range []string{"init", "--init-only"} {
		t.Run(verb+" sets what it should and exits", func(t *testing.T) {
			if code, said := c.runOnce(t, lab.Command{Args: append(slices.Concat(flags(), asked), verb)}); code != 0 {
				t.Fatalf("exit code %d:\n%s", code, said)
			}
			for name, want := range map[string]string{
				"net.ipv4.vs.conntrack":                             "1",
				"net.ipv4.ip_forward":                               "1",
				"net.ipv6.conf.all.forwarding":                      "1",
				"net.ipv4.conf.all.arp_ignore":                      "1",
				"net.netfilter.nf_conntrack_udp_timeout_stream":     "150",
				"net.netfilter.nf_conntrack_tcp_timeout_close_wait": "3600",
			} {
				if now, err := c.Host.Run("sysctl", "-n", name); err != nil || strings.TrimSpace(now) != want {
					t.Errorf("%s is %s, %v; want %s", name, now, err, want)
				}
			}
			if now, err := c.Host.Run("ipvsadm", "-l", "--timeout"); err != nil || !strings.Contains(now, ": 1200 ") {
				t.Errorf("%v: %s", err, now)
			}
		})
	}
	t.Run("K33 without a flag idle TCP connections last a day", func(t *testing.T) {
		if code, said := c.runOnce(t, lab.Command{Args: append(flags(), "init")}); code != 0 {
			t.Fatalf("exit code %d:\n%s", code, said)
		}
		if now, err := c.Host.Run("ipvsadm", "-l", "--timeout"); err != nil || !strings.Contains(now, ": 86400 120 300") {
			t.Errorf("%v: %s", err, now)
		}
	})
	t.Run("nothing is served yet", func(t *testing.T) {
		if links, err := c.Host.Run("ip", "-o", "link"); err != nil || strings.Contains(links, "kube-ipvs0") {
			t.Errorf("%v: %s", err, links)
		}
		if now := c.mustLook(t); now.IPVS != "" || now.Sets != "" || strings.Contains(now.Rules, "KIPVS") {
			t.Errorf("%+v", now)
		}
	})
	t.Run("then the daemon needs no more than two capabilities", func(t *testing.T) {
		confinedDaemon(t)
		if now := c.mustLook(t); !strings.Contains(now.Rules, "KIPVS-MARK") || !strings.Contains(now.Addresses, "/32") {
			t.Errorf("%+v", now)
		}
	})
	t.Run("what it cannot put right later it tells, and serves", func(t *testing.T) {
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		const name = "net.ipv4.vs.expire_nodest_conn"
		if _, err := c.Host.Run("sysctl", "-qw", name+"=0"); err != nil {
			t.Fatal(err)
		}
		confinedDaemon(t)
		if said := c.Log.String(); !strings.Contains(said, "sysctl "+name+" is 0 and has to be 1") {
			t.Errorf("the daemon said:\n%s", said)
		}
		code, said := c.runOnce(t, lab.Command{Args: slices.Concat([]string{"check"}, flags(), asked)})
		if code != 1 || !strings.Contains(said, name) {
			t.Errorf("check: exit code %d:\n%s", code, said)
		}
	})
}

// The kernel's estimators are others' too: what they are set to stays (F27).
func TestEstimatorsStay(t *testing.T) {
	c := ownCluster(t)
	const name = "net.ipv4.vs.run_estimation"
	for _, value := range []string{"1", "0"} {
		if _, err := c.Host.Run("sysctl", "-qw", name+"="+value); err != nil {
			t.Fatal(err)
		}
		if err := c.start(); err != nil {
			t.Fatal(err)
		}
		if now, err := c.Host.Run("sysctl", "-n", name); err != nil || strings.TrimSpace(now) != value {
			t.Errorf("%s is %s, %v; want %s", name, now, err, value)
		}
		if _, err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}
