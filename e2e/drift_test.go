//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// spoilt is what another program does to what is ours, and the kinds of objects
// that are put right then.
type spoilt struct {
	name, deed string
	kinds      []string
}

// What the kernel tells of by itself is found at once, long before the next
// comparison, which this daemon makes every ten minutes (F8, F9, K18, K82).
func TestDriftThatTheKernelTellsOf(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	ip := web.Spec.ClusterIP
	before := s.mustLook(t)
	for _, d := range []spoilt{
		{"an address removed", fmt.Sprintf("ip address delete %s/32 dev kube-ipvs0", ip), []string{"address"}},
		{"a strange address added", "ip address add 203.0.113.77/32 dev kube-ipvs0", []string{"address"}},
		{"the device removed", "ip link delete kube-ipvs0", []string{"address", "device"}},
		{"a chain flushed", "iptables -t nat -F KIPVS-MARK", []string{"rule"}},
		{"a rule removed", "iptables -t filter -D KIPVS-FILTER 1", []string{"rule"}},
		{"a jump removed", "ip6tables -t nat -D POSTROUTING -j KIPVS6-MASQUERADE", []string{"rule"}},
		{"all of nat flushed", "iptables -t nat -F", []string{"rule"}},
	} {
		t.Run(d.name, func(t *testing.T) {
			// In an emulated machine starting a program takes most of it.
			t.Logf("repaired after %s", s.repairs(t, d, before).Round(time.Millisecond))
		})
	}
	t.Run("and then the daemon is quiet", s.quiet)
}

// What the kernel does not tell of is found by the next comparison, which this
// daemon makes every second (F7, K11, K14, K18).
func TestDriftIsRepaired(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	before := s.mustLook(t)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start("--ipvs-sync-period=1s"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	ip := web.Spec.ClusterIP
	for _, d := range []spoilt{
		{"virtual servers flushed", "ipvsadm -C", []string{"real server", "virtual server"}},
		{"a virtual server removed", fmt.Sprintf("ipvsadm -D -t %s:%d", ip, port), []string{"real server", "virtual server"}},
		{"a real server removed", fmt.Sprintf("ipvsadm -d -t %s:%d -r %s:8080", ip, port, s.Pod("p1").IPv4), []string{"real server"}},
		{"a real server set to weight 0", fmt.Sprintf("ipvsadm -e -t %s:%d -r %s:8080 -m -w 0", ip, port, s.Pod("p1").IPv4), []string{"real server"}},
		{"a scheduler changed", fmt.Sprintf("ipvsadm -E -t %s:%d -s wlc -b flag-3", ip, port), []string{"virtual server"}},
		{"a set flushed", "ipset flush KIPVS6-SERVICES", []string{"set member"}},
		{"a member removed", fmt.Sprintf("ipset del KIPVS-SERVICES %s,tcp:%d", ip, port), []string{"set member"}},
		{"a set destroyed", "iptables -t nat -F KIPVS-MASQUERADE && ipset destroy KIPVS-HAIRPIN", []string{"rule", "set", "set member"}},
		{"a chain removed", "iptables -D FORWARD -j KIPVS-FORWARD && iptables -F KIPVS-FORWARD && iptables -X KIPVS-FORWARD", []string{"rule"}},
		{"a sysctl changed", "sysctl -qw net.ipv4.vs.expire_nodest_conn=0", []string{"sysctl"}},
	} {
		if inContainer() && slices.Equal(d.kinds, []string{"sysctl"}) {
			continue // may not be written there: TestInit
		}
		t.Run(d.name, func(t *testing.T) { s.repairs(t, d, before) })
	}
	if value, err := s.Host.Run("sysctl", "-n", "net.ipv4.vs.expire_nodest_conn"); err != nil || strings.TrimSpace(value) != "1" {
		t.Errorf("the sysctl is %q: %v", value, err)
	}
}

// repairs does the damage, waits until all is as before and each kind has been
// counted, and tells how long that took.
func (s *space) repairs(t *testing.T, d spoilt, before kernelState) time.Duration {
	t.Helper()
	counted, err := s.count("kubeipvs_drift_total")
	if err != nil {
		t.Fatal(err)
	}
	// Held still, so that the damage can be seen.
	s.signal(t, syscall.SIGSTOP)
	_, err = s.Host.Run("sh", "-ec", d.deed)
	damaged := s.mustLook(t)
	begin := time.Now()
	s.signal(t, syscall.SIGCONT)
	if err != nil || damaged == before && !slices.Equal(d.kinds, []string{"sysctl"}) {
		t.Fatalf("no damage done: %v", err)
	}
	var kinds []string
	took := time.Duration(0)
	err = lab.UntilEvery(within(t, patience), 20*time.Millisecond, func() error {
		now, err := s.count("kubeipvs_drift_total")
		if err != nil {
			return err
		}
		took = time.Since(begin)
		kinds = nil
		for name := range now.since(counted) {
			kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(name, `kubeipvs_drift_total{kind="`), `"}`))
		}
		if slices.Sort(kinds); !slices.Equal(kinds, d.kinds) {
			return errors.New("not all of it has been counted")
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v: %q, want %q", err, kinds, d.kinds)
	}
	s.becomes(before)
	return took
}

// quiet: what the daemon itself has put right makes no further work.
func (s *space) quiet(t *testing.T) {
	time.Sleep(2 * time.Second) // what was told of has been looked at
	before, err := s.count("kubeipvs_kernel_listings_total")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * time.Second)
	after, err := s.count("kubeipvs_kernel_listings_total")
	if err != nil {
		t.Fatal(err)
	}
	if more := after.since(before); len(more) > 0 {
		t.Errorf("three seconds in which nothing was changed, and the daemon has listed %v", slices.Sorted(maps.Keys(more)))
	}
}

func (d *daemon) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(d.Process.Pid(), sig); err != nil {
		t.Fatal(err)
	}
}
