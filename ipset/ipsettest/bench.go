package ipsettest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// bench is one Subject without sets, on trial.
type bench struct {
	*testing.T
	Subject
	hold func(set string) // refers to the set, as a rule does
}

func (b bench) set(name string, typ ipset.Type, family ipset.Family) {
	b.Helper()
	b.must(b.Create(ipset.Set{Name: name, Type: typ, Family: family, MaxEntries: 1000}))
}

func (b bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b bench) want(want, got error) {
	b.Helper()
	if !errors.Is(got, want) {
		b.Errorf("got %v, want %v", got, want)
	}
}

func (b bench) wantText(want string, got error) {
	b.Helper()
	if got != nil && got.Error() != want {
		b.Errorf("got %q, want %q", got, want)
	}
}

func (b bench) wantAll(want error, got []error) {
	b.Helper()
	for _, err := range got {
		if !errors.Is(err, want) {
			b.Fatalf("got %v, want %v", err, want)
		}
	}
}

func (b bench) wantSets(want ...ipset.Set) {
	b.Helper()
	got, err := b.Sets()
	b.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("sets differ (-want +got):\n%s", diff)
	}
}

func (b bench) wantMembers(name string, want []ipset.Entry) {
	b.Helper()
	got, err := b.Members(name)
	b.must(err)
	want = slices.SortedFunc(slices.Values(want), ipset.Entry.Compare)
	slices.SortFunc(got, ipset.Entry.Compare)
	if !slices.Equal(want, got) {
		b.Errorf("members of %s differ (-want +got):\n%s", name, cmp.Diff(fmt.Sprintln(want), fmt.Sprintln(got)))
	}
}

func ips(addrs ...string) []ipset.Entry {
	var entries []ipset.Entry
	for _, a := range addrs {
		entries = append(entries, ipset.IP(netip.MustParseAddr(a)))
	}
	return entries
}

// services are entries of a HashIPPort set, all different.
func services(n int) []ipset.Entry {
	entries := make([]ipset.Entry, n)
	for i := range entries {
		addr := netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)})
		entries[i] = ipset.IPPort(netip.AddrPortFrom(addr, 80), 6)
	}
	return entries
}

// Samples are entries of one type and family, at least three and in as many
// shapes as it allows.
func Samples(typ ipset.Type, family ipset.Family) []ipset.Entry {
	at, other := netip.MustParseAddrPort("10.96.0.1:80"), netip.MustParseAddr("10.1.0.1")
	if family == ipset.IPv6 {
		at, other = netip.MustParseAddrPort("[fd00:96::1]:80"), netip.MustParseAddr("fd00::1")
	}
	var entries []ipset.Entry
	for _, port := range []uint16{0, 80, 65535} {
		at := netip.AddrPortFrom(at.Addr(), port)
		for _, protocol := range []uint8{6, 17, 132} {
			switch typ {
			case ipset.HashIPPort:
				entries = append(entries, ipset.IPPort(at, protocol))
			case ipset.HashIPPortIP:
				entries = append(entries, ipset.IPPortIP(at, protocol, other), ipset.IPPortIP(at, protocol, at.Addr()))
			case ipset.HashIPPortNet:
				for _, bits := range []int{1, 12, 31, other.BitLen()} {
					entries = append(entries, ipset.IPPortNet(at, protocol, netip.PrefixFrom(other, bits)))
				}
			}
		}
	}
	switch typ {
	case ipset.HashIP:
		entries = append(entries, ipset.IP(at.Addr()), ipset.IP(other), ipset.IP(other.Next()))
	case ipset.HashNet:
		for _, bits := range []int{1, 12, 31, other.BitLen()} {
			entries = append(entries, ipset.Net(netip.PrefixFrom(other, bits)))
		}
	}
	return entries
}
