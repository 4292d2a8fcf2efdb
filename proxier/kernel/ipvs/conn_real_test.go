//go:build e2e

package ipvs

import (
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func openHere(t testing.TB) *IPVS {
	t.Helper()
	i, err := Open(Config{Scheduler: "rr"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

// The kernel gives IPVS another number when it loads it anew. Whatever is asked
// of it next, finds it; nothing is taken for gone or refused because of that.
func TestIPVSIsFoundUnderAnotherNumber(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	if made, err := k.EnsureAnswers(ipset.IPv4); err != nil || !made {
		t.Fatal(made, err)
	}
	vs := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	rs := state.RealServer{VirtualServer: vs, Addr: netip.MustParseAddrPort("10.244.0.1:8080")}
	create := reconcile.Op[state.VirtualServer, state.Balancing]{Verb: reconcile.Create, Key: vs, Value: state.Balancing{Scheduler: "rr"}}
	behind := reconcile.Op[state.RealServer, state.Weight]{Verb: reconcile.Create, Key: rs, Value: 1}
	for _, c := range []struct {
		action string
		do     func() (int, error)
		want   int
	}{
		{"list virtual servers", func() (int, error) { rows, err := k.VirtualServers().List(t.Context()); return len(rows), err }, 0},
		{"create a virtual server", func() (int, error) {
			return 0, k.VirtualServers().Apply(t.Context(), []reconcile.Op[state.VirtualServer, state.Balancing]{create})[0]
		}, 0},
		{"create a real server", func() (int, error) {
			return 0, k.RealServers().Apply(t.Context(), []reconcile.Op[state.RealServer, state.Weight]{behind})[0]
		}, 0},
		{"look for real servers", func() (int, error) {
			rows, err := (realServers{k}).Look(t.Context(), []state.RealServer{rs})
			return len(rows), err
		}, 1},
		{"look for virtual servers", func() (int, error) {
			rows, err := (virtualServers{k}).Look(t.Context(), []state.VirtualServer{vs})
			return len(rows), err
		}, 1},
		{"count connections", func() (int, error) { n, err := k.Connections(t.Context(), []state.RealServer{rs}); return len(n), err }, 1},
		{"try a scheduler", func() (int, error) { return 0, k.TryScheduler(t.Context(), "rr") }, 0},
		{"delete a real server", func() (int, error) {
			behind.Verb = reconcile.Delete
			err := k.RealServers().Apply(t.Context(), []reconcile.Op[state.RealServer, state.Weight]{behind})[0]
			rows, _ := k.RealServers().List(t.Context())
			return len(rows), err
		}, 0},
	} {
		k.rows.number = 1000 // the kernel's own are smaller; under this one there is nothing, either
		if n, err := c.do(); err != nil || n != c.want {
			t.Errorf("%s: %d, %v; want %d", c.action, n, err, c.want)
		}
	}
	k.answers.number = 1000
	if made, err := k.EnsureAnswers(ipset.IPv4); err != nil || made {
		t.Errorf("the server of answers: made %t, %v", made, err)
	}
}
