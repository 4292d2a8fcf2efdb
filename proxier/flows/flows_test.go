package flows

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// kernel keeps what it was asked.
type kernel struct {
	asked []map[state.VirtualServer][]netip.AddrPort
	err   error
}

func (k *kernel) ForgetFlows(_ context.Context, of map[state.VirtualServer][]netip.AddrPort) (int, error) {
	k.asked = append(k.asked, of)
	return len(of), k.err
}

var (
	web, dns = types.NamespacedName{Namespace: "shop", Name: "web"}, types.NamespacedName{Namespace: "shop", Name: "dns"}
	server   = state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:53"), Protocol: state.UDP}
	other    = state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.2:53"), Protocol: state.UDP}
	by       = []netip.AddrPort{netip.MustParseAddrPort("10.244.1.1:53")}
)

// answering has everything answered by one.
func answering(asked map[types.NamespacedName]Servers) map[state.VirtualServer][]netip.AddrPort {
	all := map[state.VirtualServer][]netip.AddrPort{}
	for _, servers := range asked {
		for vs := range servers {
			all[vs] = by
		}
	}
	return all
}

// Only settled Services are looked at, one look at a time, and one that fails is made
// again.
func TestLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kernel{}
		f := New(k)
		settled := map[types.NamespacedName]bool{web: true}
		begin := func() { f.Begin(t.Context(), func(n types.NamespacedName) bool { return settled[n] }, answering) }
		expect := func(what string, want ...map[state.VirtualServer][]netip.AddrPort) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, k.asked, cmpopts.EquateComparable(netip.AddrPort{}, state.VirtualServer{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			k.asked = nil
		}
		begin()
		expect("nothing has changed")
		f.Mark(web, []state.VirtualServer{server})
		f.Mark(dns, []state.VirtualServer{other})
		f.Mark(dns, nil)
		k.err = errors.New("no answer")
		begin()
		expect("one is settled", map[state.VirtualServer][]netip.AddrPort{server: by})
		settled[dns] = true
		begin()
		expect("one look at a time")
		if l := <-f.Done(); l.Err == nil || l.Deleted != 1 {
			t.Errorf("the look ended with %+v", l)
		} else {
			f.End(l)
		}
		k.err = nil
		begin()
		expect("both, the failed one again", map[state.VirtualServer][]netip.AddrPort{server: by, other: by})
		f.End(<-f.Done())
		begin()
		expect("all has been looked at")
	})
}
