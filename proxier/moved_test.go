package proxier_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// manyTimes are enough for an order that is left to chance to come out in each
// way.
const manyTimes = 30

// handing is an external address that goes from one UDP Service to another.
var handing = state.VirtualServer{Addr: netip.MustParseAddrPort("198.51.100.1:80"), Protocol: state.UDP}

// udp is a Service with these external addresses; its one endpoint is the same
// whatever its number.
func udp(i int, external ...string) *v1.Service {
	svc, _ := numbered(i, 0, 0)
	svc.Spec.Ports[0].Protocol = v1.ProtocolUDP
	svc.Spec.ExternalIPs = external
	return svc
}

// onePass lets changes that are made at one time come into one pass: none begins
// sooner after the one before.
func onePass() {
	time.Sleep(gathering) // the bubble's
	synctest.Wait()
}

const gathering = time.Second

// withTwo runs a daemon on two UDP Services of which the first has the address.
func withTwo(t *testing.T, then func(*fakeCluster, *remembering)) {
	synctest.Test(t, func(t *testing.T) {
		api, k := newFakeCluster(), &remembering{Kernel: kerneltest.New()}
		cfg := testConfig
		cfg.MinSyncPeriod = gathering
		workAs(t, cfg, api, k.Kernel, k)
		for i := range 2 {
			_, slice := numbered(i, 1, 0)
			slice.Endpoints[0].Addresses[0] = "10.244.2.10"
			slice.Ports[0].Protocol = new(v1.ProtocolUDP)
			api.setSlice(slice)
		}
		api.setService(udp(0, "198.51.100.1"))
		api.setService(udp(1))
		onePass()
		if told := api.told(); told != "" {
			t.Fatalf("told %q", told)
		}
		k.takeForgotten()
		then(api, k)
	})
}

// remembering is a kernel that remembers which flows were to be forgotten.
type remembering struct {
	*kerneltest.Kernel
	mu  sync.Mutex
	all []map[state.VirtualServer][]netip.AddrPort
}

func (k *remembering) ForgetFlows(ctx context.Context, of map[state.VirtualServer][]netip.AddrPort) (int, error) {
	k.mu.Lock()
	k.all = append(k.all, of)
	k.mu.Unlock()
	return k.Kernel.ForgetFlows(ctx, of)
}

// takeForgotten lists for the address that is handed on who was said to answer.
func (k *remembering) takeForgotten() (answering []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, of := range k.all {
		if real, concerned := of[handing]; concerned {
			answering = append(answering, fmt.Sprint(real))
		}
	}
	k.all = nil
	return answering
}

// An address that goes from one Service to another in one pass loses nothing:
// no Event says that the other one holds it, whichever is planned first.
func TestAnAddressThatIsHandedOnIsNoConflict(t *testing.T) {
	for range manyTimes {
		withTwo(t, func(api *fakeCluster, _ *remembering) {
			api.setService(udp(1, "198.51.100.1"))
			api.setService(udp(0))
			onePass()
			if told := api.told(); told != "" {
				t.Errorf("told %q", told)
			}
			// Where it is a conflict in the end, that is told, once.
			api.setService(udp(0, "198.51.100.1"))
			onePass()
			if told := api.told(); strings.Count(told, "\n") != 1 || !strings.Contains(told, "198.51.100.1:80/UDP is held by Service shop/cart-") {
				t.Errorf("told of a conflict: %q", told)
			}
		})
		if t.Failed() {
			return
		}
	}
}

// Flows to an address that is handed on live where the new holder's endpoints
// answer them, also if the one that gave it up cannot have all that it wants
// until later.
func TestFlowsOfAnAddressThatIsHandedOnLive(t *testing.T) {
	for _, late := range []bool{false, true} {
		for range manyTimes {
			withTwo(t, func(api *fakeCluster, k *remembering) {
				giver := udp(0)
				if late {
					k.Fail("create address", 1)
					giver = udp(0, "198.51.100.2")
				}
				api.setService(udp(1, "198.51.100.1"))
				api.setService(giver)
				onePass()
				time.Sleep(10 * time.Second) // the bubble's
				asked := k.takeForgotten()
				if len(asked) == 0 || slices.ContainsFunc(asked, func(real string) bool { return real != "[10.244.2.10:8080]" }) {
					t.Errorf("flows were to be forgotten but for those that these answer: %q", asked)
				}
			})
			if t.Failed() {
				return
			}
		}
	}
}
