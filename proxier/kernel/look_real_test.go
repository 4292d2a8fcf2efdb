//go:build e2e

package kernel

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/found"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// subscriptions counts the netlink sockets of this network namespace that are in
// any group.
func subscriptions(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 3 && fields[0] != "sk" && fields[3] != "00000000" {
			n++
		}
	}
	return n
}

// Those who only look would only take the kernel's time with events.
func TestAReaderSubscribesToNothing(t *testing.T) {
	kerneltest.FreshNamespace(t)
	before := subscriptions(t)
	openHere(t, config)
	serving := subscriptions(t)
	if serving == before {
		t.Fatal("a daemon subscribes to nothing either: this test sees no subscription")
	}
	reader, err := OpenAsIs(Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}()
	if now := subscriptions(t); now != serving {
		t.Errorf("%d sockets are subscribed, %d before", now, serving)
	}
	if m := found.Read(t.Context()); len(m.Unread) > 0 || len(m.Rows.Members) > 0 {
		t.Errorf("read %v, and could not read %q", m.Rows.Members, m.Unread)
	}
}

// What those who look read of our servers is what the daemon reads, although they
// read it, with connections and others' servers, by other messages.
func TestAReaderSeesWhatTheDaemonSees(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t, config)
	web := state.VirtualServer{Addr: netip.MustParseAddrPort("10.96.0.1:80"), Protocol: state.TCP}
	dns := state.VirtualServer{Addr: netip.MustParseAddrPort("[fd00::a]:53"), Protocol: state.UDP}
	servers := []reconcile.Op[state.VirtualServer, state.Balancing]{
		{Verb: reconcile.Create, Key: web, Value: state.Balancing{Scheduler: "rr", Affinity: 3 * time.Hour}},
		{Verb: reconcile.Create, Key: dns, Value: state.Balancing{Scheduler: "sh", Flags: state.Fallback | state.HashPort}},
	}
	real := []reconcile.Op[state.RealServer, state.Weight]{
		{Verb: reconcile.Create, Key: state.RealServer{VirtualServer: web, Addr: netip.MustParseAddrPort("10.244.0.1:8080")}, Value: 1},
		{Verb: reconcile.Create, Key: state.RealServer{VirtualServer: dns, Addr: netip.MustParseAddrPort("[fd00:1::1]:53")}, Value: 0},
	}
	for _, err := range slices.Concat(k.VirtualServers().Apply(t.Context(), servers), k.RealServers().Apply(t.Context(), real)) {
		if err != nil {
			t.Fatal(err)
		}
	}
	m := found.Read(t.Context())
	if len(m.Unread) > 0 {
		t.Errorf("not read: %q", m.Unread)
	}
	virtual, err := k.VirtualServers().List(t.Context())
	if diff := cmp.Diff(virtual, m.Rows.VirtualServers, cmpopts.EquateComparable(state.VirtualServer{})); diff != "" || len(virtual) != 2 || err != nil {
		t.Errorf("%v, virtual servers (-daemon +reader):\n%s", err, diff)
	}
	weights, err := k.RealServers().List(t.Context())
	if diff := cmp.Diff(weights, m.Rows.RealServers, cmpopts.EquateComparable(state.RealServer{})); diff != "" || len(weights) != 2 || err != nil {
		t.Errorf("%v, real servers (-daemon +reader):\n%s", err, diff)
	}
	if programs := len(m.Tables); programs == 0 || programs > 4 {
		t.Errorf("%d dumps of iptables: one a family and backend is enough", programs)
	}
}
