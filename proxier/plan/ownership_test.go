package plan

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func shop(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}

func day(n int) time.Time { return time.Date(2025, 1, n, 0, 0, 0, 0, time.UTC) }

// asking are the frontends of a Service on ports of one external address.
func asking(svc types.NamespacedName, ports ...uint16) (frontends []frontend) {
	p := &cluster.Port{Name: cluster.PortName{Service: svc}}
	for _, port := range ports {
		addr := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.80"), port)
		frontends = append(frontends, frontend{Port: p, Server: state.VirtualServer{Addr: addr, Protocol: state.TCP}, Origin: ExternalIP})
	}
	return frontends
}

func portsOf(frontends []frontend) (ports []uint16) {
	for _, f := range frontends {
		ports = append(ports, f.Server.Addr.Port())
	}
	return ports
}

func TestOwnership(t *testing.T) {
	type step struct {
		svc    string
		since  int
		ask    []uint16
		held   []uint16
		upset  string
		losing string // who holds what this one has lost
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{{
		name:  "alone",
		steps: []step{{svc: "a", since: 1, ask: []uint16{80, 443}, held: []uint16{80, 443}}},
	}, {
		name: "the older one came first",
		steps: []step{
			{svc: "old", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "new", since: 2, ask: []uint16{80, 81}, held: []uint16{81}, losing: "old"},
		},
	}, {
		name: "the older one comes late",
		steps: []step{
			{svc: "new", since: 2, ask: []uint16{80, 81}, held: []uint16{80, 81}},
			{svc: "old", since: 1, ask: []uint16{80}, held: []uint16{80}, upset: "new"},
			{svc: "new", since: 2, ask: []uint16{80, 81}, held: []uint16{81}, losing: "old"},
		},
	}, {
		name: "equally old: the smaller name",
		steps: []step{
			{svc: "b", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}, upset: "b"},
		},
	}, {
		name: "the holder goes: all who wait are told, for one gains and one loses to another",
		steps: []step{
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
			{svc: "c", since: 3, ask: []uint16{80}, losing: "a"},
			{svc: "a", upset: "b c"},
			{svc: "c", since: 3, ask: []uint16{80}, losing: "b"},
			{svc: "b", since: 2, ask: []uint16{80}, held: []uint16{80}},
		},
	}, {
		name: "one who waits goes: nobody is told",
		steps: []step{
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
			{svc: "b"},
			{svc: "a"},
		},
	}, {
		name: "the holder asks for something else",
		steps: []step{
			{svc: "a", since: 1, ask: []uint16{80, 81}, held: []uint16{80, 81}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
			{svc: "a", since: 1, ask: []uint16{81, 82}, held: []uint16{81, 82}, upset: "b"},
		},
	}, {
		name: "entering again changes nothing",
		steps: []step{
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
		},
	}, {
		name: "made again under the same name it is young",
		steps: []step{
			{svc: "a", since: 1, ask: []uint16{80}, held: []uint16{80}},
			{svc: "b", since: 2, ask: []uint16{80}, losing: "a"},
			{svc: "a", since: 3, ask: []uint16{80}, losing: "b", upset: "b"},
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			ownership := NewOwnership(state.Aliases{})
			for i, s := range c.steps {
				svc := shop(s.svc)
				held, upset, remarks := ownership.register(svc, day(s.since), asking(svc, s.ask...))
				if diff := cmp.Diff(s.held, portsOf(held), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("step %d, held (-want +got):\n%s", i, diff)
				}
				var names []string
				for _, u := range upset {
					names = append(names, u.Name)
				}
				if got := strings.Join(names, " "); got != s.upset {
					t.Errorf("step %d: upset %q, want %q", i, got, s.upset)
				}
				var want []cluster.Remark
				if s.losing != "" {
					want = []cluster.Remark{{
						Object: "Service shop/" + s.svc, Field: "spec.externalIPs",
						Problem: "198.51.100.80:80/TCP is held by Service shop/" + s.losing,
					}}
				}
				if diff := cmp.Diff(want, remarks); diff != "" {
					t.Errorf("step %d, remarks (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// A better title beats age, and a cluster address is its Service's on every port.
func TestOwnershipTitles(t *testing.T) {
	at := func(svc types.NamespacedName, from Origin, title Precedence, addr string) []frontend {
		return []frontend{{
			Port: &cluster.Port{Name: cluster.PortName{Service: svc}}, Origin: from, Precedence: title,
			Server: state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: state.TCP},
		}}
	}
	owner, thief, guest := shop("owner"), shop("thief"), shop("guest")
	ownership := NewOwnership(state.Aliases{})
	enter := func(svc types.NamespacedName, since int, frontends []frontend, want int, upset ...types.NamespacedName) {
		t.Helper()
		held, others, remarks := ownership.register(svc, day(since), frontends)
		if len(held) != want || len(remarks) != len(frontends)-want {
			t.Errorf("%s holds %d of %d frontends, with remarks %v; want %d", svc, len(held), len(frontends), remarks, want)
		}
		if diff := cmp.Diff(upset, others, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s enters, upset (-want +got):\n%s", svc, diff)
		}
	}
	stolen := at(thief, ExternalIP, Claimed, "10.96.0.1:80")
	beside := at(guest, ExternalIP, Claimed, "10.96.0.1:443")
	own := at(owner, ClusterIP, Allocated, "10.96.0.1:80")
	enter(thief, 1, stolen, 1)
	enter(guest, 2, beside, 1)
	enter(owner, 3, own, 1, guest, thief)
	enter(thief, 1, stolen, 0)
	enter(guest, 2, beside, 0)
	enter(owner, 3, own, 1)
	enter(owner, 3, nil, 0, guest, thief)
	enter(thief, 1, stolen, 1)
	enter(guest, 2, beside, 1)

	port := at(owner, NodePort, Allocated, "192.0.2.1:30080")
	enter(thief, 1, at(thief, ExternalIP, Claimed, "192.0.2.1:30080"), 1)
	enter(guest, 2, at(guest, ExternalIP, Claimed, "192.0.2.1:80"), 1)
	enter(owner, 3, port, 1, thief)
	enter(guest, 2, at(guest, ExternalIP, Claimed, "192.0.2.1:80"), 1)
	for _, svc := range []types.NamespacedName{owner, thief, guest} {
		ownership.register(svc, day(1), nil)
	}
	if len(ownership.claims) != 0 || len(ownership.asked) != 0 {
		t.Errorf("still in the ownership: %v, %v", ownership.claims, ownership.asked)
	}
}

func TestOwnershipForgets(t *testing.T) {
	ownership := NewOwnership(state.Aliases{})
	ownership.register(shop("a"), day(1), asking(shop("a"), 80, 81))
	ownership.register(shop("b"), day(2), asking(shop("b"), 80))
	ownership.register(shop("b"), day(2), nil)
	ownership.register(shop("a"), time.Time{}, nil)
	if len(ownership.claims) != 0 || len(ownership.asked) != 0 {
		t.Errorf("still in the ownership: %v, %v", ownership.claims, ownership.asked)
	}
}

// walk is an Ownership and what its users have been told so far.
type walk struct {
	ownership *Ownership
	since     map[types.NamespacedName]int
	asks      map[types.NamespacedName][]uint16
	held      map[types.NamespacedName][]uint16
	remarks   map[types.NamespacedName][]cluster.Remark
}

// enter does as the daemon does: those who are upset enter again.
func (w *walk) enter(t *testing.T, svc types.NamespacedName) {
	t.Helper()
	held, upset, remarks := w.ownership.register(svc, day(w.since[svc]), asking(svc, w.asks[svc]...))
	w.held[svc], w.remarks[svc] = portsOf(held), remarks
	for _, other := range upset {
		held, more, remarks := w.ownership.register(other, day(w.since[other]), asking(other, w.asks[other]...))
		w.held[other], w.remarks[other] = portsOf(held), remarks
		if len(more) != 0 {
			t.Errorf("%s is upset by %s, which has changed nothing", more, other)
		}
	}
}

// check compares with what follows from all that is asked for now, forgetting
// how it came about.
func (w *walk) check(t *testing.T, services []types.NamespacedName) {
	t.Helper()
	for _, svc := range services {
		var held []uint16
		var remarks []cluster.Remark
		for _, f := range asking(svc, w.asks[svc]...) {
			port := f.Server.Addr.Port()
			first := svc
			for _, other := range services {
				older := w.since[other] < w.since[first] || w.since[other] == w.since[first] && other.Name < first.Name
				for _, asked := range w.asks[other] {
					if asked == port && older {
						first = other
					}
				}
			}
			if first == svc {
				held = append(held, port)
			} else {
				remarks = append(remarks, cluster.Remark{
					Object: "Service " + svc.String(), Field: f.Origin.Field(),
					Problem: fmt.Sprintf("%s is held by Service %s", f.Server, first),
				})
			}
		}
		if diff := cmp.Diff(held, w.held[svc], cmpopts.EquateEmpty()) + cmp.Diff(remarks, w.remarks[svc], cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s (-want +told):\n%s", svc, diff)
		}
	}
}

// Who holds what never depends on the order of events.
func TestOwnershipOnARandomWalk(t *testing.T) {
	services := []types.NamespacedName{shop("a"), shop("b"), shop("c"), shop("d"), shop("e")}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 154))
		w := &walk{
			NewOwnership(state.Aliases{}),
			map[types.NamespacedName]int{},
			map[types.NamespacedName][]uint16{},
			map[types.NamespacedName][]uint16{},
			map[types.NamespacedName][]cluster.Remark{},
		}
		for range 200 {
			svc := services[rng.IntN(len(services))]
			if len(w.asks[svc]) == 0 || rng.IntN(10) == 0 {
				w.since[svc] = 1 + rng.IntN(3)
			}
			w.asks[svc] = nil
			for port := range uint16(4) {
				if rng.IntN(2) == 0 {
					w.asks[svc] = append(w.asks[svc], 80+port)
				}
			}
			if rng.IntN(4) == 0 {
				w.asks[svc] = nil
			}
			w.enter(t, svc)
			w.check(t, services)
		}
	}
}
