package host

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// tuple is a direction as the kernel writes it.
func tuple(kind uint16, d direction) []byte {
	source, destination := uint16(nl.CTA_IP_V4_SRC), uint16(nl.CTA_IP_V4_DST)
	if d.to.Addr().Is6() {
		source, destination = nl.CTA_IP_V6_SRC, nl.CTA_IP_V6_DST
	}
	ip := wire.Append(wire.Append(nil, source, d.from.Addr().AsSlice()...), destination, d.to.Addr().AsSlice()...)
	proto := wire.Append(nil, nl.CTA_PROTO_NUM, byte(d.protocol))
	proto = wire.Append(wire.Append(proto, nl.CTA_PROTO_SRC_PORT, wire.Port(d.from.Port())...), nl.CTA_PROTO_DST_PORT, wire.Port(d.to.Port())...)
	both := wire.Append(nil, unix.NLA_F_NESTED|nl.CTA_TUPLE_IP, ip...)
	return wire.Append(nil, unix.NLA_F_NESTED|kind, wire.Append(both, unix.NLA_F_NESTED|nl.CTA_TUPLE_PROTO, proto...)...)
}

// flowMessage is the body of a message about a flow.
func flowMessage(asked, answers direction, more ...byte) []byte {
	b := append(wire.NetfilterHeader(byte(wire.AddressFamily(asked.to.Addr())), 0), tuple(nl.CTA_TUPLE_ORIG, asked)...)
	b = append(b, tuple(nl.CTA_TUPLE_REPLY, answers)...)
	return append(b, more...)
}

// between are the two ways of a flow that a client begins and real answers.
func between(p state.Protocol, client, server, real string) (asked, answers direction) {
	c := netip.MustParseAddrPort(client)
	return direction{p, c, netip.MustParseAddrPort(server)}, direction{p, netip.MustParseAddrPort(real), c}
}

func TestFlowsAreRead(t *testing.T) {
	asked, answers := between(state.UDP, "10.244.1.9:40000", "10.96.0.10:53", "10.244.1.1:5353")
	more := wire.Append(wire.Append(nil, nl.CTA_ZONE, 0, 7), nl.CTA_TIMEOUT, 0, 0, 0, 9)
	body := flowMessage(asked, answers, more...)
	f, err := readFlow(body)
	if err != nil || f.asked != asked || f.answers != answers {
		t.Errorf("%+v, %v", f, err)
	}
	want := append(wire.NetfilterHeader(unix.AF_INET, 0), tuple(nl.CTA_TUPLE_ORIG, asked)...)
	want = wire.Append(want, nl.CTA_ZONE, 0, 7)
	if got := f.deletion(wire.NetfilterHeader(unix.AF_INET, 0)); string(got.Body) != string(want) {
		t.Errorf("deleted by\n%x, want\n%x", got.Body, want)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = readFlow(body) }); n > 0 {
		t.Errorf("to read a flow makes %v pieces of garbage", n)
	}
}

func TestMalformedFlowsAreErrors(t *testing.T) {
	asked, answers := between(state.TCP, "[fd00::9]:40000", "[fd00::10]:80", "[fd00::1]:8080")
	body := flowMessage(asked, answers)
	header := wire.NetfilterHeader(unix.AF_INET, 0)
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"a header":          body[:4],
		"one direction":     append(header, tuple(nl.CTA_TUPLE_ORIG, asked)...),
		"half of one":       body[:20],
		"half of the other": body[:len(body)-8],
		"no addresses":      append(wire.Append(header, nl.CTA_TUPLE_ORIG), tuple(nl.CTA_TUPLE_REPLY, answers)...),
	} {
		if f, err := readFlow(b); err == nil {
			t.Errorf("%s is read as %+v", name, f)
		}
	}
}

func FuzzFlows(f *testing.F) {
	for _, server := range []string{"10.96.0.10:53", "[fd00::10]:53"} {
		asked, answers := between(state.UDP, server, server, server)
		f.Add(flowMessage(asked, answers, wire.Append(nil, nl.CTA_ZONE, wire.Port(7)...)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFlow(b)
		if err == nil && (len(got.tuple) == 0 || !got.asked.to.IsValid() || !got.answers.from.IsValid()) {
			// Without its name a deletion is one of all flows.
			t.Errorf("%x is read as %+v", b, got)
		}
	})
}

func TestStaleFlows(t *testing.T) {
	dns := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.10:53"), Protocol: state.UDP}
	dns6 := state.VirtualServer{Addr: netip.MustParseAddrPort("[fd00::10]:53"), Protocol: state.UDP}
	stale := staleFlows{
		dns:  {netip.MustParseAddrPort("10.244.1.1:5353")},
		dns6: nil,
		{Addr: netip.MustParseAddrPort("10.96.0.10:80"), Protocol: state.TCP}: nil,
	}
	for name, c := range map[string]struct {
		protocol   state.Protocol
		to, answer string
		want       bool
	}{
		"answered by a real server":            {state.UDP, "10.96.0.10:53", "10.244.1.1:5353", false},
		"answered by one that has gone":        {state.UDP, "10.96.0.10:53", "10.244.1.9:5353", true},
		"the right address, wrong port":        {state.UDP, "10.96.0.10:53", "10.244.1.1:53", true},
		"never translated":                     {state.UDP, "10.96.0.10:53", "10.96.0.10:53", true},
		"a server without real servers":        {state.UDP, "[fd00::10]:53", "[fd00::99]:53", true},
		"TCP, never translated":                {state.TCP, "10.96.0.10:80", "10.96.0.10:80", true},
		"TCP, translated to one that has gone": {state.TCP, "10.96.0.10:80", "10.244.1.9:8080", false},
		"another port":                         {state.UDP, "10.96.0.10:54", "10.96.0.10:54", false},
		"somebody else's flow":                 {state.UDP, "192.0.2.1:53", "192.0.2.1:53", false},
	} {
		asked, answers := between(c.protocol, "192.0.2.9:40000", c.to, c.answer)
		if got := stale.has(flow{asked: asked, answers: answers}); got != c.want {
			t.Errorf("%s: stale is %t, want %t", name, got, c.want)
		}
	}
}
