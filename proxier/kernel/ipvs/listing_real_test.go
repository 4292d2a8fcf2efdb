//go:build e2e

package ipvs

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/moby/ipvs"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// filled makes so many virtual servers with so many real servers each.
func filled(tb testing.TB, k *IPVS, services, endpoints int) map[state.RealServer]state.Weight {
	tb.Helper()
	var vops []reconcile.Op[state.VirtualServer, state.Balancing]
	var rops []reconcile.Op[state.RealServer, state.Weight]
	rows := map[state.RealServer]state.Weight{}
	for i := range services {
		addr := netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)})
		vs := state.VirtualServer{Addr: netip.AddrPortFrom(addr, 80), Protocol: state.TCP}
		vops = append(vops, reconcile.Op[state.VirtualServer, state.Balancing]{
			Verb: reconcile.Create, Key: vs, Value: state.Balancing{Scheduler: "rr"},
		})
		for e := range endpoints {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(128 + e), byte(i >> 8), byte(i)}), 8080)
			rs := state.RealServer{VirtualServer: vs, Addr: at}
			rops = append(rops, reconcile.Op[state.RealServer, state.Weight]{Verb: reconcile.Create, Key: rs, Value: 1})
			rows[rs] = 1
		}
	}
	for _, errs := range [][]error{k.VirtualServers().Apply(tb.Context(), vops), k.RealServers().Apply(tb.Context(), rops)} {
		for _, err := range errs {
			if err != nil {
				tb.Fatal(err)
			}
		}
	}
	return rows
}

// listings are three ways to read everything back: ours, the library's, and
// what the kernel alone takes, whose answers are not read.
var listings = map[string]func(testing.TB, *IPVS) int{
	"ours": func(tb testing.TB, k *IPVS) int {
		rows, err := k.RealServers().List(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		return len(rows)
	},
	"library": func(tb testing.TB, k *IPVS) (count int) {
		services, err := k.moby.GetServices()
		if err != nil {
			tb.Fatal(err)
		}
		for _, s := range services {
			destinations, err := k.moby.GetDestinations(&ipvs.Service{
				AddressFamily: s.AddressFamily, Protocol: s.Protocol, Address: s.Address, Port: s.Port, Netmask: s.Netmask,
			})
			if err != nil {
				tb.Fatal(err)
			}
			count += len(destinations)
		}
		return count
	},
	"unread": func(tb testing.TB, k *IPVS) (count int) {
		rows, err := k.VirtualServers().List(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		for vs := range rows {
			r := command(getDest, wire.Append(nil, attrService, serviceKey(vs)...))
			if err := k.rows.List(r, func([]byte) error { count++; return nil }); err != nil {
				tb.Fatal(err)
			}
		}
		return count
	},
}

// Reading back costs little more than the kernel takes for it, and much less
// than by the library. The limits leave room for a machine that is busy.
func TestListingCostsWhatTheKernelTakes(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	want := filled(t, k, 1000, 10)
	if got, err := k.RealServers().List(t.Context()); err != nil || !maps.Equal(got, want) {
		t.Fatalf("%d real servers, %v; want %d", len(got), err, len(want))
	}
	best := map[string]time.Duration{}
	for range 5 {
		for name, list := range listings {
			begin := time.Now()
			if n := list(t, k); n != len(want) {
				t.Fatalf("%s: %d real servers, want %d", name, n, len(want))
			}
			if took := time.Since(begin); best[name] == 0 || took < best[name] {
				best[name] = took
			}
		}
	}
	t.Logf("1,000 × 10: %v", best)
	if ratio := best["ours"].Seconds() / best["unread"].Seconds(); ratio > 2 {
		t.Errorf("ours takes %.2f times what the kernel takes, want 2 at most", ratio)
	}
	if ratio := best["library"].Seconds() / best["ours"].Seconds(); ratio < 1.5 {
		t.Errorf("the library takes only %.2f times as long as ours", ratio)
	}
}

func BenchmarkList(b *testing.B) {
	for _, size := range []struct{ services, endpoints int }{{10_000, 10}, {5_000, 50}} {
		b.Run(fmt.Sprintf("%d×%d", size.services, size.endpoints), func(b *testing.B) {
			k := openHere(b)
			want := filled(b, k, size.services, size.endpoints)
			for name, list := range listings {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if n := list(b, k); n != len(want) {
							b.Fatal(n)
						}
					}
				})
			}
			var flush []reconcile.Op[state.VirtualServer, state.Balancing]
			for rs := range want {
				flush = append(flush, reconcile.Op[state.VirtualServer, state.Balancing]{Verb: reconcile.Delete, Key: rs.VirtualServer})
			}
			k.VirtualServers().Apply(b.Context(), flush)
		})
	}
}

// Who turns a real server of ours into one that gets its packets as they are
// finds it turned back.
func TestOtherForwardingIsSeenAndRepaired(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	kerneltest.Output(t, "ipvsadm", "-A", "-t", "10.96.0.1:80", "-s", "rr", "-b", "flag-3")
	kerneltest.Output(t, "ipvsadm", "-a", "-t", "10.96.0.1:80", "-r", "10.244.1.1:80", "-g", "-w", "1")
	rs := state.RealServer{VirtualServer: somewhere[0], Addr: netip.MustParseAddrPort("10.244.1.1:80")}
	want := map[state.RealServer]state.Weight{rs: 1}
	got, err := k.RealServers().List(t.Context())
	if err != nil || maps.Equal(got, want) {
		t.Fatalf("listed %v, %v", got, err)
	}
	update := reconcile.Op[state.RealServer, state.Weight]{Verb: reconcile.Update, Key: rs, Value: 1}
	if err := k.RealServers().Apply(t.Context(), []reconcile.Op[state.RealServer, state.Weight]{update})[0]; err != nil {
		t.Fatal(err)
	}
	if got, err = k.RealServers().List(t.Context()); err != nil || !maps.Equal(got, want) {
		t.Errorf("listed %v, %v; want %v", got, err, want)
	}
}
