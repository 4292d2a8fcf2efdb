package ipset

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// heard are listings of one entry each, as Linux 6.18 sends them on amd64.
var heard = []struct {
	set   Set
	entry Entry
	msg   string
}{
	{
		Set{"A", HashIP, IPv6, 1000},
		IP(addr("fd00::1")),
		"02000000050001000600000006000200410000000c000300686173683a697000050005000a00000005000400010000002c000780" +
			"080012400000040008001340000003e8080019400000000008001a40000001200800184000000001" +
			"200008801c0007801800018014000200fd000000000000000000000000000001",
	},
	{
		Set{"A", HashIPPort, IPv4, 1000},
		IPPort(port("10.96.0.1:80"), 6),
		"020000000500010006000000060002004100000011000300686173683a69702c706f727400000000050005000200000005000400" +
			"010000002c000780080012400000040008001340000003e8080019400000000008001a4000000108080018400000000124000880" +
			"200007800c000180080001000a60000106000440005000000500070006000000",
	},
	{
		Set{"A", HashIPPortIP, IPv4, 1000},
		IPPortIP(port("10.96.0.1:80"), 6, addr("10.1.0.1")),
		"020000000500010006000000060002004100000014000300686173683a69702c706f72742c697000050005000200000005000400" +
			"010000002c000780080012400000040008001340000003e8080019400000000008001a4000000108080018400000000130000880" +
			"2c0007800c000180080001000a6000010c001480080001000a01000106000440005000000500070006000000",
	},
	{
		Set{"A", HashIPPortNet, IPv6, 1000},
		IPPortNet(port("[fd00::1]:80"), 6, prefix("fd00::/17")),
		"020000000500010006000000060002004100000015000300686173683a69702c706f72742c6e657400000000050005000a000000" +
			"05000400020000002c000780080012400000040008001340000003e8080019400000000008001a40000005500800184000000001" +
			"500008804c0007801800018014000200fd0000000000000000000000000000011800148014000200fd0000000000000000000000" +
			"00000000060004400050000005001500110000000500070006000000",
	},
}

func TestDecodeHeard(t *testing.T) {
	for _, tc := range heard {
		l := listing{set: Set{Name: "A"}}
		if err := l.take(unhex(t, tc.msg)); err != nil {
			t.Fatal(err)
		}
		if l.set != tc.set || !slices.Equal(l.entries, []Entry{tc.entry}) {
			t.Errorf("got %s %s, want %s %s", l.set, l.entries, tc.set, tc.entry)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, tc := range []struct{ name, got, want string }{
		{"about all", hex.EncodeToString(headersRequest()), "00000000" + "0500010006000000" + "0800064000000004"},
		{"about one", hex.EncodeToString(about("ABCD")), "00000000" + "0500010006000000" + "090002004142434400000000"},
		{
			"create", hex.EncodeToString(createRequest(Set{"A", HashIPPortNet, IPv6, 1000})),
			"00000000" + "0500010006000000" + "0600020041000000" +
				"15000300686173683a69702c706f72742c6e657400000000" + "0500040002000000" + "050005000a000000" +
				"0c000780" + "08001340000003e8",
		},
		{"swap", hex.EncodeToString(swapRequest("A", "B")), "00000000" + "0500010006000000" + "0600020041000000" + "0600030042000000"},
		{
			"change", hex.EncodeToString(changeRequest("A", []Entry{IPPort(port("10.96.0.1:80"), 17)})),
			"00000000" + "0500010006000000" + "0600020041000000" + "0800090000000000" +
				"2c000880" + "28000780" + "0c000180" + "080001400a600001" + "0600044000500000" + "0500070011000000" + "0800090001000000",
		},
	} {
		if tc.got != tc.want {
			t.Errorf("%s:\n got %s\nwant %s", tc.name, tc.got, tc.want)
		}
	}
}

// TestRoundTrip lists what was asked to be added, among it a mapped address,
// which no constructor makes but an IPv6 set may hold.
func TestRoundTrip(t *testing.T) {
	mapped := Entry{typ: HashIPPort, addr: addr("::ffff:10.0.0.1"), port: 80, protocol: 6}
	for _, e := range []Entry{
		IP(addr("10.0.0.1")), IP(addr("fd00::1")), mapped,
		IPPort(port("10.0.0.1:0"), 132), IPPort(port("[fd00::1]:65535"), 17),
		IPPortIP(port("10.0.0.1:80"), 6, addr("10.0.0.2")), IPPortIP(port("[fd00::1]:80"), 6, addr("fd00::2")),
		IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/8")), IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.1/32")),
		IPPortNet(port("[fd00::1]:80"), 6, prefix("fd00::/1")), IPPortNet(port("[fd00::1]:80"), 6, prefix("fd00::1/128")),
		Net(prefix("10.96.0.0/12")), Net(prefix("10.96.0.1/32")), Net(prefix("fd00:10:96::/108")), Net(prefix("::/1")),
	} {
		s := Set{Name: "A", Type: e.Type(), Family: e.Family()}
		l := listing{set: Set{Name: "A"}}
		if err := l.take(told(s, e, e)); err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if !slices.Equal(l.entries, []Entry{e, e}) {
			t.Errorf("got %s, want %s twice", l.entries, e)
		}
	}
	if mapped.Family() != IPv6 || mapped.String() != "::ffff:10.0.0.1,tcp:80" {
		t.Errorf("mapped address is %s %s", mapped.Family(), mapped)
	}
}

func TestLongestMessage(t *testing.T) {
	e := IPPortNet(port("[fd00::1]:80"), 6, prefix("fd00::1/128"))
	if n := len(changeRequest("A", slices.Repeat([]Entry{e}, perMessage))); n > math.MaxUint16 {
		t.Errorf("%d entries make %d bytes", perMessage, n)
	}
}

func TestDecodeMalformed(t *testing.T) {
	set := Set{Name: "A", Type: HashIPPortNet, Family: IPv4, MaxEntries: 1}
	entry := func(attrs ...[]byte) []byte {
		return wire.AppendNested(head(set), nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, func(b []byte) []byte {
			return wire.Append(b, nl.IPSET_ATTR_DATA, slices.Concat(attrs...)...)
		})
	}
	first := appendAddr(nil, nl.IPSET_ATTR_IP, addr("10.0.0.1"))
	second := appendAddr(nil, nl.IPSET_ATTR_IP2, addr("10.0.0.2"))
	portAttr := wire.Append(nil, nl.IPSET_ATTR_PORT, 0, 80)
	proto := wire.Append(nil, nl.IPSET_ATTR_PROTO, 6)
	bits := wire.Append(nil, nl.IPSET_ATTR_CIDR2, 32)
	l := listing{set: Set{Name: "A"}}
	if err := l.take(entry(first, portAttr, proto, second, bits)); err != nil {
		t.Fatalf("what is varied below is malformed: %v", err)
	}
	for name, msg := range map[string][]byte{
		"nothing":               nil,
		"no attributes":         {0, 0, 0, 0},
		"another set":           told(Set{Name: "B", Type: HashIP, Family: IPv4}),
		"members before type":   changeRequest("A", []Entry{IP(addr("10.0.0.1"))}),
		"no family":             told(Set{Name: "A", Type: HashIP}),
		"stray bytes":           append(head(set), 1, 2),
		"attribute too short":   append(head(set), 3, 0, 7, 0),
		"attribute too long":    append(head(set), 9, 0, 7, 0, 1, 2, 3, 4),
		"long family":           wire.Append(about("A"), nl.IPSET_ATTR_FAMILY, 0, 2),
		"short size":            wire.Append(about("A"), nl.IPSET_ATTR_DATA, wire.Append(nil, nl.IPSET_ATTR_MAXELEM, 1)...),
		"stray bytes in data":   wire.Append(about("A"), nl.IPSET_ATTR_DATA, 1),
		"no address":            entry(portAttr, proto, second, bits),
		"no port":               entry(first, proto, second, bits),
		"no protocol":           entry(first, portAttr, second, bits),
		"no second address":     entry(first, portAttr, proto, bits),
		"no network size":       entry(first, portAttr, proto, second),
		"network too long":      entry(first, portAttr, proto, second, wire.Append(nil, nl.IPSET_ATTR_CIDR2, 33)),
		"address empty":         entry(wire.Append(nil, nl.IPSET_ATTR_IP), portAttr, proto, second, bits),
		"address other family":  entry(appendAddr(nil, nl.IPSET_ATTR_IP, addr("fd00::1")), portAttr, proto, second, bits),
		"second other family":   entry(first, portAttr, proto, appendAddr(nil, nl.IPSET_ATTR_IP2, addr("fd00::1")), bits),
		"port of one byte":      entry(first, wire.Append(nil, nl.IPSET_ATTR_PORT, 80), proto, second, bits),
		"protocol of no bytes":  entry(first, portAttr, wire.Append(nil, nl.IPSET_ATTR_PROTO), second, bits),
		"stray bytes in entry":  entry(first, []byte{1}),
		"stray bytes in member": wire.Append(head(set), nl.IPSET_ATTR_ADT, 1, 2, 3),
	} {
		l := listing{set: Set{Name: "A"}}
		if err := l.take(msg); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: got %v, want an error", name, err)
		}
	}
	if err := l.take(head(set)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("begun twice: got %v, want an error", err)
	}
	l = listing{set: Set{Name: "A"}}
	unknown := wire.AppendText(about("A"), nl.IPSET_ATTR_TYPENAME, "bitmap:port")
	if err := l.take(unknown); !errors.Is(err, ErrMismatch) {
		t.Errorf("unknown type: got %v, want %v", err, ErrMismatch)
	}
}

// TestDecodeCut cuts a listing at every byte: each piece is an error, or tells
// of an entry less, but never of another entry.
func TestDecodeCut(t *testing.T) {
	for _, tc := range heard {
		whole := unhex(t, tc.msg)
		for n := range whole {
			l := listing{set: Set{Name: "A"}}
			if err := l.take(whole[:n]); err == nil && len(l.entries) != 0 {
				t.Errorf("%d of %d bytes tell of %s", n, len(whole), l.entries)
			}
		}
	}
}

func FuzzListing(f *testing.F) {
	for _, tc := range heard {
		f.Add(unhex(f, tc.msg), changeRequest("A", []Entry{tc.entry}))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		parseLine(first)
		l := listing{set: Set{Name: "A"}}
		if l.take(first) != nil || l.take(second) != nil {
			return
		}
		for _, e := range l.entries {
			if e.Type() != l.set.Type || e.Family() != l.set.Family {
				t.Fatalf("%s listed in set %s", e, l.set)
			}
		}
		again := listing{set: Set{Name: l.set.Name}}
		if err := again.take(told(l.set, l.entries...)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fmt.Sprint(l), fmt.Sprint(again)); diff != "" {
			t.Fatalf("lost on the way (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkEncode500(b *testing.B) {
	entries := slices.Repeat([]Entry{IPPort(port("10.96.0.1:80"), 17)}, perMessage)
	for b.Loop() {
		changeRequest("KIPVS-SERVICES", entries)
	}
}

// head and told are what the kernel says of a set and its members.
func head(s Set) []byte { return createRequest(s) }

func told(s Set, entries ...Entry) []byte {
	return wire.AppendNested(head(s), nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, func(b []byte) []byte {
		for _, e := range entries {
			b = appendEntry(b, e, 0)
		}
		return b
	})
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
