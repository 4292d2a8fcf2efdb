//go:build e2e

package host

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// crowd makes so many flows of UDP from as many clients to a server that a real
// server answers.
func crowd(t *testing.T, n int, server, real string) {
	t.Helper()
	c, err := wire.Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	requests := make([]wire.Request, n)
	for i := range requests {
		client := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|200<<16|uint32(i))))
		asked, answers := between(state.UDP, netip.AddrPortFrom(client, 40000).String(), server, real)
		requests[i] = newFlow(flowMessage(asked, answers, wire.Append(nil, nl.CTA_TIMEOUT, binary.BigEndian.AppendUint32(nil, 3600)...)...))
	}
	for i, err := range c.Do(requests) {
		if err != nil {
			t.Fatalf("flow %d: %v", i, err)
		}
	}
}

// A look at a crowded table keeps nothing of it: memory is flat, with less than
// two bytes of garbage for a flow, and what more there is comes of flows that go.
func TestALookAtFlowsTakesNoMemory(t *testing.T) {
	const flows = 50_000
	kerneltest.FreshNamespace(t)
	k := FlowsOf(FindServed())
	server, real := netip.MustParseAddrPort("10.96.0.10:53"), netip.MustParseAddrPort("10.244.0.9:53")
	look := func(at netip.AddrPort, answering ...netip.AddrPort) (deleted int, garbage uint64, took time.Duration) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		deleted, err := k.ForgetFlows(t.Context(), map[state.VirtualServer][]netip.AddrPort{{Addr: at, Protocol: state.UDP}: answering})
		if took = time.Since(begin); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return deleted, after.TotalAlloc - before.TotalAlloc, took
	}
	_, none, _ := look(server, real)
	crowd(t, flows, server.String(), real.String())
	for name, c := range map[string]struct {
		at        netip.AddrPort
		answering []netip.AddrPort
	}{
		"of another server":         {netip.MustParseAddrPort("10.96.0.99:53"), nil},
		"answered by what is there": {server, []netip.AddrPort{real}},
	} {
		deleted, garbage, took := look(c.at, c.answering...)
		t.Logf("%d flows %s: %d KiB of garbage, %d KiB without flows, %s", flows, name, garbage>>10, none>>10, took)
		if deleted != 0 || garbage > none+2*flows {
			t.Errorf("%d flows %s: deleted %d, and made %d bytes of garbage, %d without flows", flows, name, deleted, garbage, none)
		}
	}
	deleted, garbage, took := look(server, netip.MustParseAddrPort("10.244.0.10:53"))
	t.Logf("%d flows deleted: %d bytes of garbage for each, %s", deleted, int(garbage)/flows, took)
	if deleted != flows || garbage > flows*1024 {
		t.Errorf("of %d flows that no endpoint answers any more %d were deleted, with %d bytes of garbage", flows, deleted, garbage)
	}
	if again, _, _ := look(server); again != 0 {
		t.Errorf("%d were left", again)
	}
}

// Flows of one name in different zones are different flows.
func TestFlowsOfAllZonesAreForgotten(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := FlowsOf(FindServed())
	c, err := wire.Dial(unix.NETLINK_NETFILTER)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	asked, answers := between(state.UDP, "10.200.0.1:40000", "10.96.0.10:53", "10.96.0.10:53")
	for _, zone := range [][]byte{nil, wire.Append(nil, nl.CTA_ZONE, wire.Port(7)...)} {
		more := wire.Append(zone, nl.CTA_TIMEOUT, binary.BigEndian.AppendUint32(nil, 3600)...)
		if err := c.Do([]wire.Request{newFlow(flowMessage(asked, answers, more...))})[0]; err != nil {
			t.Fatal(err)
		}
	}
	of := map[state.VirtualServer][]netip.AddrPort{{Addr: asked.to, Protocol: state.UDP}: nil}
	if deleted, err := k.ForgetFlows(t.Context(), of); err != nil || deleted != 2 {
		t.Errorf("of two zones %d flows were deleted: %v", deleted, err)
	}
}

func newFlow(body []byte) wire.Request {
	return wire.Request{Kind: unix.NFNL_SUBSYS_CTNETLINK<<8 | nl.IPCTNL_MSG_CT_NEW, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, Body: body}
}
