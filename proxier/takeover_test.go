package proxier_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// kubeProxySets are signs of kube-proxy that the kernel in memory can have.
var kubeProxySets = []string{"KUBE-CLUSTER-IP", "KUBE-IPVS-IPS"}

// onTakeover runs test with a daemon that is not started yet, and one Service.
func onTakeover(t *testing.T, test func(*testing.T, *script)) {
	archive, err := txtar.ParseFile("testdata/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, archive)
		s.cfg.Takeover = true
		if err := s.api.apply(s.file("web.yaml")); err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

func server(at string) state.VirtualServer {
	return state.VirtualServer{Addr: netip.MustParseAddrPort(at), Protocol: state.TCP}
}

func pause(d time.Duration) {
	time.Sleep(d) // the clock is synctest's
	synctest.Wait()
}

// Virtual servers of kube-proxy's ipvs mode are edited in place where they are
// wanted; where they are not, they go, and real servers of old are drained.
func TestAdoption(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		wanted, stale := server("10.96.0.1:80"), server("10.96.0.99:80")
		byHand := server("203.0.113.1:80")
		mine := state.RealServer{VirtualServer: wanted, Addr: netip.MustParseAddrPort("10.244.9.9:8080")}
		s.kernel.SetForeign(map[state.VirtualServer]state.Balancing{
			wanted: {Scheduler: "wrr"}, stale: {Scheduler: "rr"}, byHand: {Scheduler: "rr"},
		}, kubeProxySets...)
		s.kernel.Drift(func(r *state.Rows) {
			r.Addresses[wanted.Addr.Addr()], r.Addresses[stale.Addr.Addr()] = state.None{}, state.None{}
			r.RealServers[mine] = 1
		})
		s.start()
		defer s.stop()
		if calls := s.kernel.Calls(); strings.Contains(calls, "create virtual server 10.96.0.1:80/TCP") {
			t.Errorf("what was adopted is made once more:\n%s", calls)
		}
		held := s.kernel.Rows()
		if got := held.VirtualServers[wanted].Scheduler; got != "rr" {
			t.Errorf("%s has scheduler %q", wanted, got)
		}
		if _, there := held.VirtualServers[stale]; there {
			t.Errorf("%s is still there", stale)
		}
		if weight := held.RealServers[mine]; weight != 0 {
			t.Errorf("%s gets new connections, weight %d", mine, weight)
		}
		if left := s.kernel.Foreign(); !maps.Equal(left, map[state.VirtualServer]state.Balancing{byHand: {Scheduler: "rr"}}) {
			t.Errorf("of others there is %v, want %s only", left, byHand)
		}
		pause(5 * time.Minute)
		if _, there := s.kernel.Rows().RealServers[mine]; there {
			t.Errorf("%s is still there", mine)
		}
	})
}

// A virtual server that another program puts on an address of ours is not kube-proxy's,
// through restarts too (K09, K10).
func TestServersMadeByHandStay(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.start()
		byHand := map[state.VirtualServer]state.Balancing{server("10.96.0.1:8888"): {Scheduler: "rr"}, server("192.0.2.1:6443"): {Scheduler: "wrr"}}
		s.kernel.SetForeign(maps.Clone(byHand))
		pause(5 * time.Minute)
		s.stop()
		s.start()
		defer s.stop()
		pause(5 * time.Minute)
		if left := s.kernel.Foreign(); !maps.Equal(left, byHand) {
			t.Errorf("left %v, want %v", left, byHand)
		}
	})
}

// What kube-proxy has left carries the traffic until everything of ours stands.
func TestTakeoverWaitsForOurs(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.kernel.SetForeign(nil, kubeProxySets...)
		s.kernel.Fail("create real server", 1000)
		s.start()
		defer s.stop()
		if left := s.kernel.ForeignSets(); len(left) != len(kubeProxySets) {
			t.Errorf("left %v although real servers are missing", left)
		}
		s.kernel.Fail("create real server", 0)
		pause(time.Minute)
		if left := s.kernel.ForeignSets(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

// A row that the kernel refuses for good keeps nothing of kube-proxy's: it is not
// served by old rules either.
func TestARefusedRowDoesNotHoldUpTheTakeover(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.kernel.SetForeign(nil, kubeProxySets...)
		s.kernel.Refuse(netip.MustParseAddr("10.244.2.1"), true)
		s.start()
		defer s.stop()
		if left := s.kernel.ForeignSets(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
		if real := s.kernel.Rows().RealServers; len(real) == 0 {
			t.Error("no real server is there: this is no single row")
		}
	})
}

func TestATakeoverThatFailsIsTriedAgain(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.kernel.SetForeign(nil, kubeProxySets...)
		s.kernel.Fail("destroy set", 3)
		s.start()
		defer s.stop()
		if left := s.kernel.ForeignSets(); len(left) != len(kubeProxySets) {
			t.Errorf("left %v although nothing can be destroyed", left)
		}
		pause(2 * time.Minute)
		if err := s.api.apply(strings.ReplaceAll(s.file("web.yaml"), "10.244.2.1", "10.244.2.2")); err != nil {
			t.Fatal(err)
		}
		pause(time.Second)
		if left := s.kernel.ForeignSets(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

func TestWithoutTakeoverNothingIsTouched(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.cfg.Takeover = false
		stale := map[state.VirtualServer]state.Balancing{server("10.96.0.1:8888"): {Scheduler: "rr"}}
		s.kernel.SetForeign(maps.Clone(stale), kubeProxySets...)
		s.start()
		defer s.stop()
		pause(10 * time.Minute)
		if diff := cmp.Diff(kubeProxySets, s.kernel.ForeignSets()); diff != "" {
			t.Errorf("sets (-before +after):\n%s", diff)
		}
		if left := s.kernel.Foreign(); !maps.Equal(left, stale) {
			t.Errorf("left %v, want %v", left, stale)
		}
	})
}

// A kube-proxy that puts its things back is told of once, and not fought.
func TestKubeProxyAtWork(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.start()
		defer s.stop()
		s.kernel.SetForeign(nil, "KUBE-CLUSTER-IP")
		s.api.told() // of the Service
		pause(70 * time.Second)
		const said = "node node-a: kube-proxy is at work on this node beside kube-ipvs; stop one of the two: set KUBE-CLUSTER-IP\n"
		if got := s.api.told(); got != said {
			t.Errorf("told %q, want %q", got, said)
		}
		pause(2 * time.Minute)
		if got := s.api.told(); got != "" {
			t.Errorf("told again: %q", got)
		}
		if left := s.kernel.ForeignSets(); len(left) != 1 {
			t.Errorf("after three minutes there is %v: we fight", left)
		}
		pause(5 * time.Minute)
		if left := s.kernel.ForeignSets(); len(left) != 0 {
			t.Errorf("after eight minutes there is still %v", left)
		}
	})
}

func TestHealthPortTaken(t *testing.T) {
	onTakeover(t, func(t *testing.T, s *script) {
		s.start()
		defer s.stop()
		s.proxier.HealthPortTaken(true)
		s.api.told()
		pause(70 * time.Second)
		if got := s.api.told(); !strings.Contains(got, "another process listens on the port of the health check") {
			t.Errorf("told %q", got)
		}
		s.proxier.HealthPortTaken(false)
		pause(70 * time.Second)
		s.proxier.HealthPortTaken(true)
		pause(70 * time.Second)
		if got := s.api.told(); strings.Count(got, "\n") != 1 {
			t.Errorf("told %q, want one line", got)
		}
	})
}
