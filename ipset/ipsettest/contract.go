package ipsettest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
)

// Subject is what the contract is about: the verbs of ipset.Client.
type Subject interface {
	Create(ipset.Set) error
	Destroy(name string) error
	Swap(a, b string) error
	Sets() ([]ipset.Set, error)
	Members(name string) ([]ipset.Entry, error)
	Add(set string, entries []ipset.Entry) []error
	Remove(set string, entries []ipset.Entry) []error
}

// Contract tries everything that callers rely on. Each trial opens a Subject of
// its own, which has no sets yet.
func Contract(t *testing.T, open func(*testing.T) (s Subject, hold func(set string))) {
	for name, trial := range map[string]func(bench){
		"create":                create,
		"create what differs":   createDiffering,
		"create the impossible": createImpossible,
		"destroy":               destroy,
		"destroy in use":        destroyInUse,
		"swap":                  swap,
		"swap refused":          swapRefused,
		"swap in use":           swapInUse,
		"members":               members,
		"many members":          manyMembers,
		"absent set":            absentSet,
		"full set":              fullSet,
		"foreign entries":       foreignEntries,
		"invalid entries":       invalidEntries,
	} {
		t.Run(name, func(t *testing.T) {
			s, hold := open(t)
			trial(bench{t, s, hold})
		})
	}
}

func create(b bench) {
	small := ipset.Set{Name: "B", Type: ipset.HashIP, Family: ipset.IPv4, MaxEntries: 7}
	long := ipset.Set{Name: strings.Repeat("L", 31), Type: ipset.HashIPPortNet, Family: ipset.IPv6, MaxEntries: 1 << 20}
	none := ipset.Set{Name: "A", Type: ipset.HashIPPort, Family: ipset.IPv4}
	b.wantSets()
	b.must(b.Create(small))
	b.must(b.Create(none))
	b.must(b.Create(long))
	b.wantSets(none, small, long)

	b.wantAll(nil, b.Add("B", ips("10.0.0.1")))
	b.must(b.Create(small))
	b.wantSets(none, small, long)
	b.wantMembers("B", ips("10.0.0.1"))
	b.wantAll(ipset.ErrFull, b.Add("A", services(1)))
}

func createDiffering(b bench) {
	s := ipset.Set{Name: "A", Type: ipset.HashIPPort, Family: ipset.IPv4, MaxEntries: 7}
	b.must(b.Create(s))
	for _, alter := range []func(*ipset.Set){
		func(s *ipset.Set) { s.Type = ipset.HashIP },
		func(s *ipset.Set) { s.Type = ipset.HashIPPortIP },
		func(s *ipset.Set) { s.Family = ipset.IPv6 },
		func(s *ipset.Set) { s.MaxEntries = 8 },
	} {
		other := s
		alter(&other)
		b.want(ipset.ErrMismatch, b.Create(other))
	}
	b.wantSets(s)
}

func createImpossible(b bench) {
	for _, s := range []ipset.Set{
		{Name: strings.Repeat("L", 32), Type: ipset.HashIP, Family: ipset.IPv4},
		{Name: "A", Family: ipset.IPv4},
		{Name: "A", Type: ipset.HashIP},
		{Name: "A", Type: ipset.HashIP, Family: 5},
	} {
		if err := b.Create(s); err == nil {
			b.Errorf("created set %s", s)
		}
	}
	b.wantSets()
}

func destroy(b bench) {
	b.must(b.Destroy("A"))
	b.set("A", ipset.HashIP, ipset.IPv4)
	b.wantAll(nil, b.Add("A", ips("10.0.0.1")))
	b.must(b.Destroy("A"))
	b.wantSets()
	b.set("A", ipset.HashIP, ipset.IPv4)
	b.wantMembers("A", nil)
	if err := b.Destroy(strings.Repeat("L", 32)); err == nil {
		b.Error("destroyed a set whose name is too long")
	}
}

func destroyInUse(b bench) {
	b.set("A", ipset.HashIP, ipset.IPv4)
	b.hold("A")
	err := b.Destroy("A")
	b.want(ipset.ErrBusy, err)
	b.wantText("destroy set A: set is in use", err)
	b.wantMembers("A", nil)
}

func swap(b bench) {
	small := ipset.Set{Name: "A", Type: ipset.HashIP, Family: ipset.IPv6, MaxEntries: 1}
	big := ipset.Set{Name: "B", Type: ipset.HashIP, Family: ipset.IPv6, MaxEntries: 2}
	b.must(b.Create(small))
	b.must(b.Create(big))
	b.wantAll(nil, b.Add("A", ips("fd00::1")))
	b.wantAll(nil, b.Add("B", ips("fd00::1", "fd00::2")))
	b.must(b.Swap("A", "B"))
	small.Name, big.Name = "B", "A"
	b.wantSets(big, small)
	b.wantMembers("A", ips("fd00::1", "fd00::2"))
	b.wantMembers("B", ips("fd00::1"))
	b.must(b.Swap("A", "A"))
	b.wantMembers("A", ips("fd00::1", "fd00::2"))
}

func swapRefused(b bench) {
	b.set("A", ipset.HashIPPortIP, ipset.IPv4)
	b.set("TYPE", ipset.HashIPPortNet, ipset.IPv4)
	b.set("FAMILY", ipset.HashIPPortIP, ipset.IPv6)
	b.want(ipset.ErrMismatch, b.Swap("A", "TYPE"))
	b.want(ipset.ErrMismatch, b.Swap("A", "FAMILY"))
	b.want(ipset.ErrNotExist, b.Swap("A", "ABSENT"))
	err := b.Swap("ABSENT", "A")
	b.want(ipset.ErrNotExist, err)
	b.wantText("swap sets ABSENT and A: set does not exist", err)
}

func swapInUse(b bench) {
	b.set("A", ipset.HashIP, ipset.IPv4)
	b.set("B", ipset.HashIP, ipset.IPv4)
	b.wantAll(nil, b.Add("B", ips("10.0.0.2")))
	b.hold("A")
	b.must(b.Swap("A", "B"))
	b.wantMembers("A", ips("10.0.0.2"))
	b.want(ipset.ErrBusy, b.Destroy("A"))
	b.must(b.Destroy("B"))
}

func members(b bench) {
	for typ := ipset.HashIP; typ <= ipset.HashNet; typ++ {
		for _, family := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			name := fmt.Sprint(typ, family)
			entries := Samples(typ, family)
			b.set(name, typ, family)
			b.wantMembers(name, nil)
			b.wantAll(nil, b.Add(name, entries))
			b.wantMembers(name, entries)
			b.wantAll(nil, b.Add(name, entries[:2]))
			b.wantAll(nil, b.Remove(name, entries[1:]))
			b.wantMembers(name, entries[:1])
			b.wantAll(nil, b.Remove(name, entries))
			b.wantMembers(name, nil)
		}
	}
	if errs := b.Add("ABSENT", nil); len(errs) != 0 {
		b.Errorf("adding nothing: %v", errs)
	}
}

func manyMembers(b bench) {
	b.must(b.Create(ipset.Set{Name: "A", Type: ipset.HashIPPort, Family: ipset.IPv4, MaxEntries: 100_000}))
	entries := services(20_000)
	b.wantAll(nil, b.Add("A", entries))
	b.wantMembers("A", entries)
	b.wantAll(nil, b.Remove("A", entries[1:]))
	b.wantMembers("A", entries[:1])
}

func absentSet(b bench) {
	errs := b.Add("A", services(1200))
	b.wantAll(ipset.ErrNotExist, errs)
	b.wantText("add 10.96.0.0,tcp:80 to set A: set does not exist", errs[0])
	errs = b.Remove("A", services(1))
	b.wantAll(ipset.ErrNotExist, errs)
	b.wantText("remove 10.96.0.0,tcp:80 from set A: set does not exist", errs[0])
	_, err := b.Members("A")
	b.want(ipset.ErrNotExist, err)
	b.wantText("list members of set A: set does not exist", err)
}

// fullSet is refused entries in the middle of a message, among some that are
// there already.
func fullSet(b bench) {
	b.must(b.Create(ipset.Set{Name: "A", Type: ipset.HashIPPort, Family: ipset.IPv4, MaxEntries: 5}))
	s := services(9)
	b.wantAll(nil, b.Add("A", []ipset.Entry{s[7], s[8]}))
	errs := b.Add("A", s)
	b.wantAll(nil, errs[:3])
	b.wantAll(ipset.ErrFull, errs[3:7])
	b.wantAll(nil, errs[7:])
	b.wantText("add 10.96.0.3,tcp:80 to set A: set is full", errs[3])
	b.wantMembers("A", []ipset.Entry{s[0], s[1], s[2], s[7], s[8]})
	b.wantAll(nil, b.Remove("A", s[:2]))
	b.wantAll(nil, b.Add("A", s[3:5]))
}

func foreignEntries(b bench) {
	b.set("A", ipset.HashIPPort, ipset.IPv4)
	good := services(2)
	for typ := ipset.HashIP; typ <= ipset.HashNet; typ++ {
		for _, family := range []ipset.Family{ipset.IPv4, ipset.IPv6} {
			if typ == ipset.HashIPPort && family == ipset.IPv4 {
				continue
			}
			e := Samples(typ, family)[0]
			errs := b.Add("A", []ipset.Entry{good[0], e, good[1]})
			b.wantAll(nil, []error{errs[0], errs[2]})
			b.want(ipset.ErrMismatch, errs[1])
			b.want(ipset.ErrMismatch, b.Remove("A", []ipset.Entry{e})[0])
		}
	}
	b.wantMembers("A", good)
}

func invalidEntries(b bench) {
	at := netip.MustParseAddrPort("10.0.0.1:80")
	for _, e := range []ipset.Entry{
		ipset.IP(netip.IPv4Unspecified()),
		ipset.IP(netip.IPv6Unspecified()),
		ipset.IPPort(at, 0),
		ipset.IPPortNet(at, 6, netip.MustParsePrefix("0.0.0.0/0")),
		ipset.Net(netip.MustParsePrefix("0.0.0.0/0")),
		ipset.Net(netip.MustParsePrefix("::/0")),
		{},
	} {
		name := fmt.Sprint(e.Type(), e.Family())
		b.set(name, max(e.Type(), ipset.HashIP), e.Family())
		b.wantAll(ipset.ErrInvalid, b.Add(name, []ipset.Entry{e}))
		b.wantAll(ipset.ErrInvalid, b.Remove(name, []ipset.Entry{e}))
		b.wantMembers(name, nil)
		b.must(b.Destroy(name))
	}
}
