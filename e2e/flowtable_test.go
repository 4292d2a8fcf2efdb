//go:build e2e

package e2e

import (
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/e2e/harness"
	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// A table full of others' flows makes the look at stale flows slow, and nothing
// else: a change of another Service does not wait for it (F15, K28).
func TestACrowdedTableOfFlows(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	datagrams := s.service("datagrams", endpoints{"p1": ready})
	talks := talking(t, s.questions("p3", datagrams.clusterIPs(), lab.UDP))
	hears(t, talks, "p1")
	const flows = 30_000
	if err := s.Host.Do(func() error { return crowd(flows) }); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	datagrams.setEndpoints(endpoints{"r1": ready})
	web.setEndpoints(endpoints{"r1": ready})
	web.untilOnly("r1")
	served := time.Since(begin)
	hears(t, talks, "r1")
	t.Logf("with %d flows in the table a change is served after %s, and the datagrams move after %s; looks: %v",
		flows, served.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond), s.settled(t, "kubeproxy_conntrack_reconciler_sync_duration_seconds_sum"))
}

// crowd makes so many flows without clients, which end with the namespace or in five
// minutes.
func crowd(n int) error {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer h.Close()
	server := net.IPv4(198, 51, 100, 1)
	for i := range n {
		client := net.IPv4(198, 18, byte(i>>8), byte(i))
		flow := &netlink.ConntrackFlow{
			FamilyType: unix.AF_INET, TimeOut: 300,
			Forward: netlink.IPTuple{Protocol: unix.IPPROTO_UDP, SrcIP: client, DstIP: server, SrcPort: uint16(1024 + i>>16), DstPort: 53},
			Reverse: netlink.IPTuple{Protocol: unix.IPPROTO_UDP, SrcIP: server, DstIP: client, SrcPort: 53, DstPort: uint16(1024 + i>>16)},
		}
		if err := h.ConntrackCreate(netlink.ConntrackTable, unix.AF_INET, flow); err != nil {
			return err
		}
	}
	return nil
}

// TestTheClockJumps moves the machine's clock by an hour and back: who waits,
// waits on (F18).
func TestTheClockJumps(t *testing.T) {
	if !lab.Virtual() {
		t.Skip("missing privilege: to set the clock of a machine that others use (it is not a virtual one of the tests' own)")
	}
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready, "r1": ready})
	kept := holdWith(t, s.questions("p3", web.clusterIPs(), lab.TCP), "r1")
	web.setEndpoints(endpoints{"p1": ready})
	web.untilOnly("p1")
	other := s.service("other", endpoints{"p1": ready})
	var off time.Duration
	t.Cleanup(func() {
		if off != 0 { // a jump has failed
			t.Log(lab.MoveClock(-off))
		}
	})
	for _, jump := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			if err := lab.MoveClock(jump); err != nil {
				t.Fatal(err)
			}
			off += jump
			other.setEndpoints(endpoints{"r1": ready})
			other.untilOnly("r1")
			other.setEndpoints(endpoints{"p1": ready})
			other.untilOnly("p1")
			live(t, kept)
			s.awaitServer(t, web, "r1", "0") // it drains for as long as it is talked to, up to a quarter of an hour
			for _, page := range []string{"/livez", "/healthz", "/readyz"} {
				if _, err := s.Get(harness.HealthzURL + page); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
