package proxier

import (
	"context"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// obedient is a kernel that does all it is told and remembers nothing, so that
// its memory is not taken for the daemon's.
type obedient struct{ *kerneltest.Kernel }

func (obedient) Members() reconcile.Kind[state.Member, state.None] {
	return yes[state.Member, state.None]{}
}

func (obedient) VirtualServers() reconcile.Kind[state.VirtualServer, state.Balancing] {
	return yes[state.VirtualServer, state.Balancing]{}
}

func (obedient) RealServers() reconcile.Kind[state.RealServer, state.Weight] {
	return yes[state.RealServer, state.Weight]{}
}

func (obedient) Addresses() reconcile.Kind[netip.Addr, state.None] {
	return yes[netip.Addr, state.None]{}
}

type yes[K, V comparable] struct{}

func (yes[K, V]) List(context.Context) (map[K]V, error) { return nil, nil }

func (yes[K, V]) Apply(_ context.Context, ops []reconcile.Op[K, V]) []error {
	return make([]error, len(ops))
}

// inUse is the memory that is still referred to, in bytes.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// crowded is a Proxier with so many Services of 50 endpoints, and what it keeps
// for each endpoint, in bytes, without the objects of the API.
func crowded(tb testing.TB, services int) (p *Proxier, api *plain, each float64) {
	tb.Helper()
	const endpoints = 50
	before := inUse()
	p, api = fullOn(tb, obedient{kerneltest.New(netip.MustParseAddr("192.0.2.1"))}, services, endpoints)
	with := inUse()
	api.services, api.slices = nil, nil
	each = float64(inUse()-before) / float64(services*endpoints)
	tb.Logf("%d endpoints: %d MiB, of which %.0f bytes an endpoint are ours", services*endpoints, (with-before)>>20, each)
	return p, api, each
}

// What is kept of an endpoint is its row and its Service's word for it: at
// 250,000 endpoints a hundred megabytes.
func TestMemoryOfAnEndpoint(t *testing.T) {
	p, _, each := crowded(t, 400)
	if each > 450 {
		t.Errorf("%.0f bytes are kept for an endpoint, want at most 450", each)
	}
	runtime.KeepAlive(p)
}

// A pass for one change makes the same garbage however large the cluster is.
func TestGarbageFollowsTheChange(t *testing.T) {
	garbage := func(services int) uint64 {
		p, api := full(t, services, 10)
		const passes = 500
		some := func() {
			for i := range passes {
				p.with.Changes.Mark(api.put(i%services, i%200+1), time.Time{})
				p.report(p.sync(t.Context()))
			}
		}
		some() // maps take the room that they need while rows come and go
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		some()
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / passes
	}
	small, large := garbage(100), garbage(3_000)
	t.Logf("bytes a pass: %d among 100 Services, %d among 3,000", small, large)
	if large > small*5/4 {
		t.Errorf("a pass makes %d bytes of garbage among 3,000 Services and %d among 100", large, small)
	}
}

// BenchmarkMemory keeps 250,000 endpoints.
func BenchmarkMemory(b *testing.B) {
	quiet()
	for b.Loop() {
		p, _, each := crowded(b, 5_000)
		b.ReportMetric(each, "B/endpoint")
		runtime.KeepAlive(p)
	}
}
