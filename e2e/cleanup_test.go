//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// foreign is what others have on the node, and how they would remove it.
var foreign = []struct{ add, remove string }{
	{"ipvsadm -A -t 203.0.113.1:80 -s wrr", "ipvsadm -D -t 203.0.113.1:80"},
	{"ipvsadm -a -t 203.0.113.1:80 -r 203.0.113.2:80 -m -w 5", ""},
	{"ipset create FOREIGN hash:ip", "ipset destroy FOREIGN"},
	{"iptables -t nat -A POSTROUTING -o elsewhere -j MASQUERADE", "iptables -t nat -D POSTROUTING -o elsewhere -j MASQUERADE"},
	{"ip6tables -A INPUT -i elsewhere -j DROP", "ip6tables -D INPUT -i elsewhere -j DROP"},
}

func TestCleanup(t *testing.T) {
	s := shared.space(t)
	run := func(t *testing.T, line string) {
		t.Helper()
		words := strings.Fields(line)
		if _, err := s.Host.Run(words[0], words[1:]...); err != nil {
			t.Error(err)
		}
	}
	for _, f := range foreign {
		run(t, f.add)
		if f.remove != "" {
			t.Cleanup(func() { run(t, f.remove) })
		}
	}
	web := s.service("web", endpoints{"p1": ready}, externalIPs(external()), loadBalancer(external()), sticky)
	if code, err := s.Stop(); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v; want 0", code, err)
	}
	for _, c := range []struct{ name, verb string }{
		{"--cleanup leaves nothing of ours and all of others", "--cleanup"},
		{"cleanup has nothing to do the second time", "cleanup"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, said := s.runOnce(t, lab.Command{Args: append(flags(), c.verb)}); code != 0 {
				t.Errorf("exit code %d:\n%s", code, said)
			}
			s.cleaned(t)
		})
	}
	t.Run("a daemon that starts then makes all anew", func(t *testing.T) {
		if err := s.start(); err != nil {
			t.Fatal(err)
		}
		answered(t, s.questions("outside", web.clusterIPs(), lab.Protocols()...), theNode, "p1")
	})
}

func (s *space) cleaned(t *testing.T) {
	t.Helper()
	left := s.mustLook(t)
	if want := "TCP 203.0.113.1:80 wrr\n  -> 203.0.113.2:80 Masq 5\n"; left.IPVS != want {
		t.Errorf("virtual servers:\n%swant:\n%s", left.IPVS, want)
	}
	if !strings.HasPrefix(left.Sets, "create FOREIGN ") || strings.Count(left.Sets, "\n") != 1 {
		t.Errorf("sets:\n%swant FOREIGN only", left.Sets)
	}
	for _, rule := range []string{"-A POSTROUTING -o elsewhere -j MASQUERADE\n", "-A INPUT -i elsewhere -j DROP\n"} {
		if !strings.Contains(left.Rules, rule) {
			t.Errorf("rules:\n%swant in them: %s", left.Rules, rule)
		}
	}
	if strings.Contains(left.Rules, "KIPVS") {
		t.Errorf("rules:\n%swant none of ours", left.Rules)
	}
	if links, err := s.Host.Run("ip", "-o", "link"); err != nil || strings.Contains(links, "kube-ipvs0") {
		t.Errorf("links: %v\n%swant none of ours", err, links)
	}
}

// A daemon that cannot work says what is missing, and touches nothing.
func TestStartThatCannotBe(t *testing.T) {
	c := ownCluster(t)
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	before := c.mustLook(t)
	links, err := c.Host.Run("ip", "-o", "link")
	if err != nil {
		t.Fatal(err)
	}
	// Nearly nothing is on this path.
	bin := t.TempDir()
	if err := os.Symlink("/sbin/modprobe", filepath.Join(bin, "modprobe")); err != nil {
		t.Fatal(err)
	}
	flags := append(flags(), "-v=0")
	for _, bad := range []struct {
		name, missing string
		command       lab.Command
	}{
		{"without CAP_NET_ADMIN", "CAP_NET_ADMIN", lab.Command{Path: "setpriv", Args: append([]string{"--bounding-set=-net_admin", path}, flags...)}},
		{"without iptables on the PATH", "iptables", lab.Command{Args: flags, Env: []string{"PATH=" + bin}}},
		{"with a scheduler that the kernel lacks", "fastest", lab.Command{Args: append(flags, "--ipvs-scheduler=fastest")}},
	} {
		t.Run(bad.name+": one line, exit code 1, nothing touched", func(t *testing.T) {
			code, said := c.runOnce(t, bad.command)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "kube-ipvs: ") || !strings.Contains(said, bad.missing) {
				t.Errorf("it says:\n%swant one line that names %s", said, bad.missing)
			}
			t.Log(said)
			if after := c.mustLook(t); after != before {
				t.Errorf("before: %v\nafter: %v", before, after)
			}
			if now, err := c.Host.Run("ip", "-o", "link"); err != nil || now != links {
				t.Errorf("links: %v\n%swant:\n%s", err, now, links)
			}
		})
	}
}
