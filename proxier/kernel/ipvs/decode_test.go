package ipvs

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

var somewhere = []state.VirtualServer{
	{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP},
	{Addr: netip.MustParseAddrPort("[fd00:10:96::1]:53"), Protocol: state.UDP},
}

// told is the body of a message about a service or a destination.
func told(kind uint16, value []byte) []byte {
	return wire.Append([]byte{1, ipvsVersion, 0, 0}, kind, value...)
}

// A listing says what we have written.
func TestWhatIsWrittenIsRead(t *testing.T) {
	n := names{}
	for _, vs := range somewhere {
		for _, how := range []state.Balancing{
			{Scheduler: "rr"},
			{Scheduler: "mh", Flags: state.Fallback | state.HashPort},
			{Scheduler: "wlc", Affinity: 3 * time.Hour},
		} {
			s, err := n.readService(told(attrService, service(vs, how)))
			if err != nil || !s.ours || s.vs != vs || s.how != how {
				t.Errorf("%s %s is read as %+v, %v", vs, how, s, err)
			}
		}
		for _, w := range []state.Weight{0, 1, 65535, 70000} {
			addr := netip.AddrPortFrom(vs.Addr.Addr().Next(), 8080)
			rs, weight, err := readDestination(vs, told(attrDest, destination(addr, forwardNAT, w)))
			if want := (state.RealServer{VirtualServer: vs, Addr: addr}); err != nil || rs != want || weight != w {
				t.Errorf("%s %s is read as %s %s, %v", want, w, rs, weight, err)
			}
		}
	}
	if len(n) != 3 {
		t.Errorf("%d names of schedulers, want 3", len(n))
	}
}

func TestAServiceWithoutOurFlagIsNotOurs(t *testing.T) {
	ours := service(somewhere[0], state.Balancing{Scheduler: "rr"})
	plain := bytes.Replace(ours, []byte{flagOurs, 0, 0, 0, 0xff}, []byte{0, 0, 0, 0, 0xff}, 1)
	marked := wire.Append32(service(somewhere[0], state.Balancing{Scheduler: "rr"}), svcMark, 7)
	for name, body := range map[string][]byte{"foreign": plain, "on a packet mark": marked} {
		if s, err := (names{}).readService(told(attrService, body)); err != nil || s.ours || s.answers != 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// The virtual server of answers is no row, and cleanup finds it.
func TestTheServerOfAnswersIsTold(t *testing.T) {
	for f, own := range ownAddress {
		body := told(attrService, markService(wire.AddressFamily(own), rules.AnswersMark, "rr"))
		if s, err := (names{}).readService(body); err != nil || s.ours || s.answers != f {
			t.Errorf("IPv%d: %+v, %v", f, s, err)
		}
	}
}

// A real server that gets its packets by a tunnel is not as wanted, whatever
// its weight.
func TestOtherForwardingIsNoWeight(t *testing.T) {
	addr := netip.MustParseAddrPort("10.1.2.3:80")
	tunnelled := wire.Append32(destination(addr, forwardNAT, 1), destForward, 2)
	if _, w, err := readDestination(somewhere[0], told(attrDest, tunnelled)); err != nil || w != otherwise {
		t.Errorf("%s, %v", w, err)
	}
}

func TestMalformedAnswersAreErrors(t *testing.T) {
	service := told(attrService, service(somewhere[0], state.Balancing{Scheduler: "rr"}))
	dest := told(attrDest, destination(somewhere[0].Addr, forwardNAT, 1))
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"a header":          service[:4],
		"half of one":       service[:len(service)/2],
		"half of another":   dest[:len(dest)/2],
		"something else":    told(7, nil),
		"without address":   told(attrService, wire.Append(nil, svcFlags, flagOurs, 0, 0, 0)),
		"a wrong family":    told(attrDest, wire.Append16(destination(somewhere[0].Addr, forwardNAT, 1), destFamily, 17)),
		"a wrong length":    told(attrDest, wire.Append(destination(somewhere[0].Addr, forwardNAT, 1), destWeight, 1)),
		"a port of a byte":  told(attrService, wire.Append(nil, svcPort, 1)),
		"a family of three": told(attrService, wire.Append(nil, svcFamily, 1, 2, 3)),
	} {
		if s, err := (names{}).readService(b); err == nil && bytes.HasPrefix(b, service[:8]) {
			t.Errorf("%s is read as service %+v", name, s)
		}
		if rs, w, err := readDestination(somewhere[0], b); err == nil {
			t.Errorf("%s is read as real server %s %s", name, rs, w)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, vs := range somewhere {
		f.Add(told(attrService, service(vs, state.Balancing{Scheduler: "mh", Affinity: time.Second})))
		f.Add(told(attrDest, wire.Append16(destination(vs.Addr, forwardNAT, 1), destFamily, wire.AddressFamily(vs.Addr.Addr()))))
		f.Add(told(attrDest, destination(vs.Addr, forwardNAT, 1))[:30])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := (names{}).readService(b)
		if err == nil && s.ours && !s.vs.Addr.IsValid() {
			t.Errorf("service %+v", s)
		}
		rs, _, err := readDestination(somewhere[0], b)
		if err == nil && !rs.Addr.IsValid() {
			t.Errorf("real server %+v", rs)
		}
	})
}

func BenchmarkReadDestination(b *testing.B) {
	dest := destination(somewhere[0].Addr, forwardNAT, 1)
	dest = wire.Append(dest, 10, make([]byte, 84)...) // statistics
	body := told(attrDest, wire.Append(dest, 12, make([]byte, 116)...))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := readDestination(somewhere[0], body); err != nil {
			b.Fatal(err)
		}
	}
}
