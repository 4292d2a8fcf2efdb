//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// What somebody else has spoilt is found by the next comparison with the
// kernel, which this daemon makes every second.
func TestDriftIsRepaired(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready}, nodePort)
	before := s.mustLook(t)
	if err := s.process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start("--ipvs-sync-period=1s"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.process.Kill(); err != nil {
			t.Error(err)
		}
	})
	ip := web.Spec.ClusterIP
	for _, d := range []struct{ name, deed string }{
		{"virtual servers flushed", "ipvsadm -C"},
		{"a virtual server removed", fmt.Sprintf("ipvsadm -D -t %s:%d", ip, port)},
		{"a real server set to weight 0", fmt.Sprintf("ipvsadm -e -t %s:%d -r %s:8080 -m -w 0", ip, port, s.Pod("p1").IPv4)},
		{"a scheduler changed", fmt.Sprintf("ipvsadm -E -t %s:%d -s wlc -b flag-3", ip, port)},
		{"a set flushed", "ipset flush KIPVS6-SERVICES"},
		{"an address removed", fmt.Sprintf("ip address delete %s/32 dev kube-ipvs0", ip)},
		{"the device removed", "ip link delete kube-ipvs0"},
		{"a chain flushed", "iptables -t nat -F KIPVS-MARK"},
		{"a jump removed", "ip6tables -t nat -D POSTROUTING -j KIPVS6-MASQUERADE"},
	} {
		t.Run(d.name, func(t *testing.T) {
			// Held still, so that the damage can be seen.
			s.signal(t, syscall.SIGSTOP)
			words := strings.Fields(d.deed)
			_, err := s.host.Run(words[0], words[1:]...)
			damaged := s.mustLook(t)
			s.signal(t, syscall.SIGCONT)
			if err != nil || damaged == before {
				t.Fatalf("no damage done: %v", err)
			}
			s.becomes(before)
		})
	}
}

func (d *daemon) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(d.process.Pid(), sig); err != nil {
		t.Fatal(err)
	}
}
