//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// verb runs kube-ipvs beside the daemon, on its node.
func (s *space) verb(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	return s.runOnce(t, lab.Command{Args: args})
}

// What is broken behind the daemon's back is named by trace. This daemon would
// find it only at its next resync, in ten minutes.
func TestTraceNamesWhatIsBroken(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	for i := range 20 { // the daemon reads back a Service a second: so it has others to read
		s.created(fmt.Sprintf("other-%d", i), nil)
	}
	ip, name := web.Spec.ClusterIP, s.name+"/web:tcp"
	at := fmt.Sprintf("%s:%d", ip, port)
	real := fmt.Sprintf("%s:8080", s.Pod("p1").IPv4)
	run := func(t *testing.T, lines ...string) {
		t.Helper()
		for _, line := range lines {
			words := strings.Fields(line)
			if _, err := s.Host.Run(words[0], words[1:]...); err != nil {
				t.Error(err)
			}
		}
	}
	if code, said := s.verb(t, "trace", name); code != 0 || strings.Contains(said, "does not work") {
		t.Fatalf("before: exit code %d:\n%s", code, said)
	}
	t.Run("one client", func(t *testing.T) {
		for from, sees := range map[string]string{
			s.Pod("p3").IPv4.String(): s.Pod("p3").IPv4.String(), "192.0.2.100": "an address of the node", "node": "an address of the node",
		} {
			want := fmt.Sprintf("from %s\n", from)
			reaches := fmt.Sprintf("reaches %s, which sees %s\n", real, sees)
			if code, said := s.verb(t, "trace", at, "--from", from); code != 0 || !strings.Contains(said, want) || !strings.Contains(said, reaches) {
				t.Errorf("exit code %d:\n%swant in it: %s%s", code, said, want, reaches)
			}
		}
	})
	reject := fmt.Sprintf("INPUT -d %s/32 -p tcp --dport %d -j REJECT", ip, port)
	for _, b := range []struct {
		name, want   string
		damage, mend []string
	}{
		{
			"weight 0", "does not work: real server " + real + " has weight 0",
			[]string{"ipvsadm -e -t " + at + " -r " + real + " -m -w 0"},
			[]string{"ipvsadm -e -t " + at + " -r " + real + " -m -w 1"},
		},
		{
			"a set member that is missing", fmt.Sprintf("does not work: set member KIPVS-SERVICES %s,tcp:%d is missing", ip, port),
			[]string{fmt.Sprintf("ipset del KIPVS-SERVICES %s,tcp:%d", ip, port)},
			[]string{fmt.Sprintf("ipset add KIPVS-SERVICES %s,tcp:%d", ip, port)},
		},
		{
			"a foreign REJECT in filter INPUT", "does not work: a rule in iptables filter INPUT stands before IPVS and refuses it",
			[]string{"iptables -I " + reject},
			[]string{"iptables -D " + reject},
		},
		{
			"a wrong sysctl", "does not work: sysctl net.ipv4.vs.conntrack is 0",
			[]string{"sysctl -w net.ipv4.vs.conntrack=0"},
			[]string{"sysctl -w net.ipv4.vs.conntrack=1"},
		},
	} {
		t.Run(b.name, func(t *testing.T) {
			// The daemon may have put it right before we ask: then it is broken again.
			err := lab.Until(within(t, patience), func() error {
				run(t, b.damage...)
				code, said := s.verb(t, "trace", name)
				run(t, b.mend...)
				if code != 1 || !strings.Contains(said, b.want) {
					return fmt.Errorf("exit code %d:\n%swant in it: %s", code, said, b.want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("an address that is missing", func(t *testing.T) {
		s.keepUnbound(t, ip)
		err := lab.Until(within(t, patience), func() error {
			code, said := s.verb(t, "trace", name)
			if want := "does not work: " + ip + " is not bound to kube-ipvs0"; code != 1 || !strings.Contains(said, want) {
				return fmt.Errorf("exit code %d:\n%swant in it: %s", code, said, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	s.bound(netip.MustParseAddr(ip), true)
	if code, said := s.verb(t, "trace", at); code != 0 {
		t.Errorf("in the end: exit code %d:\n%s", code, said)
	}
}

// keepUnbound takes an address away as often as the daemon, whom the kernel
// tells, binds it again, until the test ends.
func (s *space) keepUnbound(t *testing.T, ip string) {
	t.Helper()
	again := fmt.Sprintf("while :; do ip address delete %s/32 dev kube-ipvs0; done", ip)
	p, err := s.Host.Start(lab.Command{Path: "sh", Args: []string{"-c", again}, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// A server of another program on the address of a Service is found while no
// daemon runs: one that does takes the address back within a second or two.
func TestTraceNamesAForeignServer(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	at := fmt.Sprintf("%s:%d", web.Spec.ClusterIP, port)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"ipvsadm -D -t " + at, "ipvsadm -A -t " + at + " -s lc"} {
		words := strings.Fields(line)
		if _, err := s.Host.Run(words[0], words[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	code, said := s.verb(t, "trace", at)
	if want := at + "/TCP is a virtual server of another program (lc)"; code != 1 || !strings.Contains(said, want) {
		t.Errorf("exit code %d:\n%swant in it: %s", code, said, want)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	become(t, s.questions("p3", web.clusterIPs(), lab.TCP), by("p1"))
}

// A Service whose only endpoint drains has none for new connections, and goes
// on with the old ones.
func TestTraceNamesWhatDrains(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	connections := hold(t, s.questions("p3", web.clusterIPs(), lab.TCP))
	web.setEndpoints(endpoints{"p1": unready})
	err := lab.Until(within(t, patience), func() error {
		code, said := s.verb(t, "trace", s.name+"/web:tcp")
		for _, want := range []string{
			"does not work: its endpoints only drain, and no other is ready: new connections are refused", "draining, 1 active",
		} {
			if code != 1 || !strings.Contains(said, want) {
				return fmt.Errorf("exit code %d:\n%swant in it: %s", code, said, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	live(t, connections)
}

// A module that this kernel does not have is named before anything is served.
func TestCheckNamesAMissingModule(t *testing.T) {
	s := shared.space(t)
	code, said := s.verb(t, append([]string{"check"}, append(flags(), "--ipvs-scheduler=fastest")...)...)
	if code != 1 || !strings.Contains(said, "ip_vs_fastest") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
	t.Log("\n" + said)
}

// What was not broken, and still does not work.
func TestTraceOfServicesWithoutEndpointsHere(t *testing.T) {
	s := shared.space(t)
	s.service("empty", endpoints{})
	s.created("elsewhere", endpoints{"r1": ready}, nodePort, local, func(svc *corev1.Service) {
		svc.Spec.InternalTrafficPolicy = new(corev1.ServiceInternalTrafficPolicyLocal)
	})
	for name, want := range map[string]string{
		"empty":     "does not work: the Service has no endpoints: clients are refused",
		"elsewhere": "does not work: its internal traffic policy is Local and no ready endpoint is on this node",
		"absent":    "does not work: there is no Service",
	} {
		err := lab.Until(within(t, patience), func() error {
			if code, said := s.verb(t, "trace", s.name+"/"+name); code != 1 || !strings.Contains(said, want) {
				return fmt.Errorf("%s: exit code %d:\n%swant in it: %s", name, code, said, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestVerbsThatLook(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"status"}, []string{"on node ", "health          healthy", "virtual server"}},
		{[]string{"status", "-o", "json"}, []string{`"node": "node"`, `"kind": "virtual server"`}},
		{[]string{"list"}, []string{fmt.Sprintf("TCP  %s:%d", web.Spec.ClusterIP, port), s.name + "/web:tcp", s.Pod("p1").IPv4.String() + ":8080"}},
		{[]string{"diff"}, nil},
		{append([]string{"check"}, flags()...), []string{"ok  IPVS", "ok  scheduler rr"}},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			code, said := s.verb(t, c.args...)
			if code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("want in it: %s", want)
				}
			}
			t.Log("\n" + said)
		})
	}
	t.Run("diff shows what another program has changed", func(t *testing.T) {
		s.keepUnbound(t, web.Spec.ClusterIP)
		err := lab.Until(within(t, patience), func() error {
			if code, said := s.verb(t, "diff"); code != 1 || said != "+ address "+web.Spec.ClusterIP+"\n" {
				return fmt.Errorf("exit code %d:\n%s", code, said)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("only root is answered", func(t *testing.T) {
		path, err := built()
		if err != nil {
			t.Fatal(err)
		}
		code, said := s.runOnce(t, lab.Command{Path: "setpriv", Args: []string{"--reuid=65534", "--clear-groups", path, "status"}})
		if code != 1 || !strings.Contains(said, "no daemon, because the daemon that runs here answers only root\n") {
			t.Errorf("exit code %d:\n%s", code, said)
		}
	})
}
