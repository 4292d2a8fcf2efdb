package kernel

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func TestStaleFlows(t *testing.T) {
	dns := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.10:53"), Protocol: state.UDP}
	dns6 := state.VirtualServer{Addr: netip.MustParseAddrPort("[fd00::10]:53"), Protocol: state.UDP}
	stale := staleFlows{
		dns:  {netip.MustParseAddrPort("10.244.1.1:5353")},
		dns6: nil,
		{Addr: netip.MustParseAddrPort("10.96.0.10:80"), Protocol: state.TCP}: nil,
	}
	for name, c := range map[string]struct {
		protocol            uint8
		to, toPort          string
		answering, fromPort string
		want                bool
	}{
		"answered by a real server":            {unix.IPPROTO_UDP, "10.96.0.10", "53", "10.244.1.1", "5353", false},
		"answered by one that has gone":        {unix.IPPROTO_UDP, "10.96.0.10", "53", "10.244.1.9", "5353", true},
		"the right address, wrong port":        {unix.IPPROTO_UDP, "10.96.0.10", "53", "10.244.1.1", "53", true},
		"never translated":                     {unix.IPPROTO_UDP, "10.96.0.10", "53", "10.96.0.10", "53", true},
		"a server without real servers":        {unix.IPPROTO_UDP, "fd00::10", "53", "fd00::99", "53", true},
		"TCP, never translated":                {unix.IPPROTO_TCP, "10.96.0.10", "80", "10.96.0.10", "80", true},
		"TCP, translated to one that has gone": {unix.IPPROTO_TCP, "10.96.0.10", "80", "10.244.1.9", "8080", false},
		"another port":                         {unix.IPPROTO_UDP, "10.96.0.10", "54", "10.96.0.10", "54", false},
		"somebody else's flow":                 {unix.IPPROTO_UDP, "192.0.2.1", "53", "192.0.2.1", "53", false},
	} {
		flow := &netlink.ConntrackFlow{
			Forward: netlink.IPTuple{Protocol: c.protocol, DstIP: net.ParseIP(c.to), DstPort: port(c.toPort)},
			Reverse: netlink.IPTuple{Protocol: c.protocol, SrcIP: net.ParseIP(c.answering), SrcPort: port(c.fromPort)},
		}
		if got := stale.MatchConntrackFlow(flow); got != c.want {
			t.Errorf("%s: stale is %t, want %t", name, got, c.want)
		}
	}
}

func port(text string) uint16 { return netip.MustParseAddrPort("[::]:" + text).Port() }
