package ipset

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
)

var (
	addr   = netip.MustParseAddr
	port   = netip.MustParseAddrPort
	prefix = netip.MustParsePrefix
)

// Entries that the kernel cannot tell apart are equal, and spelled as the
// ipset program does.
func TestEntryCanonical(t *testing.T) {
	for _, tc := range []struct {
		want string
		same []Entry
	}{
		{"10.0.0.1", []Entry{IP(addr("10.0.0.1")), IP(addr("::ffff:10.0.0.1"))}},
		{"fe80::1", []Entry{IP(addr("fe80::1")), IP(addr("fe80::1%eth0"))}},
		{"10.0.0.1,tcp:80", []Entry{
			IPPort(port("10.0.0.1:80"), 6),
			IPPort(port("[::ffff:10.0.0.1]:80"), 6),
		}},
		{"fe80::1,udp:53", []Entry{IPPort(port("[fe80::1%eth0]:53"), 17), IPPort(port("[fe80::1]:53"), 17)}},
		{"10.0.0.1,47:0", []Entry{IPPort(port("10.0.0.1:80"), 47), IPPort(port("10.0.0.1:0"), 47)}},
		{"10.0.0.1,58:0", []Entry{IPPort(port("10.0.0.1:80"), icmpv6)}},
		{"10.0.0.1,1:2048", []Entry{IPPort(port("10.0.0.1:2048"), icmp)}},
		{"fd00::1,1:0", []Entry{IPPort(port("[fd00::1]:80"), icmp)}},
		{"fd00::1,58:80", []Entry{IPPort(port("[fd00::1]:80"), icmpv6)}},
		{"10.0.0.1,sctp:80,10.0.0.2", []Entry{
			IPPortIP(port("10.0.0.1:80"), 132, addr("10.0.0.2")),
			IPPortIP(port("10.0.0.1:80"), 132, addr("::ffff:10.0.0.2")),
		}},
		{"fd00::1,tcp:80,fe80::2", []Entry{IPPortIP(port("[fd00::1]:80"), 6, addr("fe80::2%eth0"))}},
		{"10.0.0.1,tcp:80,10.1.0.0/16", []Entry{
			IPPortNet(port("10.0.0.1:80"), 6, prefix("10.1.0.0/16")),
			IPPortNet(port("10.0.0.1:80"), 6, prefix("10.1.2.3/16")),
			IPPortNet(port("10.0.0.1:80"), 6, prefix("::ffff:10.1.2.3/112")),
		}},
		{"10.0.0.1,tcp:80,10.1.2.3", []Entry{
			IPPortNet(port("10.0.0.1:80"), 6, prefix("10.1.2.3/32")),
			IPPortNet(port("10.0.0.1:80"), 6, prefix("::ffff:10.1.2.3/128")),
		}},
		{"fd00::1,tcp:80,fd00::/17", []Entry{IPPortNet(port("[fd00::1]:80"), 6, prefix("fd00:0:7f::/17"))}},
		{"10.96.0.0/16", []Entry{Net(prefix("10.96.0.0/16")), Net(prefix("10.96.1.2/16")), Net(prefix("::ffff:10.96.1.2/112"))}},
		{"10.96.0.1", []Entry{Net(prefix("10.96.0.1/32"))}},
		{"fd00:10:96::/108", []Entry{Net(prefix("fd00:10:96::/108"))}},
		{"no entry", []Entry{
			{},
			IP(netip.Addr{}),
			IPPort(netip.AddrPort{}, 6),
			IPPortIP(port("10.0.0.1:80"), 6, netip.Addr{}),
			IPPortIP(port("10.0.0.1:80"), 6, addr("fd00::1")),
			IPPortIP(netip.AddrPort{}, 6, addr("fd00::1")),
			IPPortNet(port("10.0.0.1:80"), 6, netip.Prefix{}),
			IPPortNet(port("[fd00::1]:80"), 6, prefix("10.0.0.0/8")),
			IPPortNet(port("10.0.0.1:80"), 6, prefix("::ffff:10.0.0.0/95")),
			Net(netip.Prefix{}),
			Net(prefix("::ffff:10.0.0.0/95")),
		}},
	} {
		for _, e := range tc.same {
			if e != tc.same[0] || e.String() != tc.want {
				t.Errorf("%#v is %s, want %s and equal to %#v", e, e, tc.want, tc.same[0])
			}
		}
	}
}

func TestEntryCompare(t *testing.T) {
	sorted := []Entry{
		{},
		IP(addr("10.0.0.9")),
		IP(addr("fd00::1")),
		IPPort(port("10.0.0.1:80"), 17),
		IPPort(port("10.0.0.1:443"), 6),
		IPPort(port("10.0.0.1:443"), 17),
		IPPort(port("10.0.0.2:80"), 6),
		IPPortIP(port("10.0.0.1:80"), 6, addr("10.0.0.1")),
		IPPortIP(port("10.0.0.1:80"), 6, addr("10.0.0.2")),
		IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/8")),
		IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/9")),
		Net(prefix("10.0.0.0/8")),
		Net(prefix("10.0.0.0/9")),
		Net(prefix("10.1.0.0/16")),
	}
	for i, a := range sorted {
		for j, b := range sorted {
			if got, want := a.Compare(b), min(1, max(-1, i-j)); got != want {
				t.Errorf("compare %s with %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestAccepts(t *testing.T) {
	for _, tc := range []struct {
		set   Set
		entry Entry
		want  error
	}{
		{Set{Type: HashIP, Family: IPv4}, IP(addr("10.0.0.1")), nil},
		{Set{Type: HashIP, Family: IPv4}, IP(addr("::ffff:10.0.0.1")), nil},
		{Set{Type: HashIP, Family: IPv6}, IP(addr("10.0.0.1")), ErrMismatch},
		{Set{Type: HashIP, Family: IPv4}, IPPort(port("10.0.0.1:80"), 6), ErrMismatch},
		{Set{Type: HashIPPort, Family: IPv4}, IP(addr("10.0.0.1")), ErrMismatch},
		{Set{}, IP(addr("10.0.0.1")), ErrMismatch},
		{Set{}, Entry{}, ErrInvalid},
		{Set{Type: HashIP, Family: IPv6}, IP(addr("::")), ErrInvalid},
		{Set{Type: HashIPPort, Family: IPv6}, IPPort(port("[::]:0"), 6), nil},
		{Set{Type: HashIPPort, Family: IPv6}, IPPort(port("[::]:0"), 0), ErrInvalid},
		{Set{Type: HashIPPortNet, Family: IPv4}, IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/0")), ErrInvalid},
		{Set{Type: HashIPPortNet, Family: IPv4}, IPPortNet(port("10.0.0.1:80"), 6, prefix("10.0.0.0/1")), nil},
		{Set{Type: HashNet, Family: IPv4}, Net(prefix("10.0.0.0/0")), ErrInvalid},
		{Set{Type: HashNet, Family: IPv4}, Net(prefix("10.0.0.0/1")), nil},
		{Set{Type: HashNet, Family: IPv6}, Net(prefix("10.0.0.0/8")), ErrMismatch},
		{Set{Type: HashIP, Family: IPv4}, Net(prefix("10.0.0.1/32")), ErrMismatch},
	} {
		if got := tc.set.Accepts(tc.entry); !errors.Is(got, tc.want) {
			t.Errorf("%s accepts %s: %v, want %v", tc.set, tc.entry, got, tc.want)
		}
	}
}

func TestWords(t *testing.T) {
	got := []string{
		FamilyOf(addr("10.0.0.1")).String(),
		FamilyOf(addr("::ffff:10.0.0.1")).String(),
		FamilyOf(addr("fd00::1")).String(),
		Set{"A", HashIPPortNet, IPv6, 7}.String(),
		Set{Name: "B"}.String(),
	}
	want := []string{"inet", "inet", "inet6", "A hash:ip,port,net inet6 maxelem 7", "B type(0) unspec maxelem 0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
