//go:build e2e

package kernel_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// newSchedulers are those that came after Linux 5.10.
var newSchedulers = []string{"twos"}

// TestWhichSchedulersPassOverWeightZero asks, with each of the kernel's
// schedulers, for addresses behind which one of two real servers has been given
// weight 0: whether clients are refused is what draining goes by (K49).
func TestWhichSchedulersPassOverWeightZero(t *testing.T) {
	var present []string
	addrs := map[string][]netip.Addr{}
	s := openStreet(t, rules.IPTables, func(s street) (all []cluster.Port) {
		present = schedulersOf(s)
		for i, name := range present {
			for k := range 16 {
				addrs[name] = append(addrs[name], netip.MustParseAddr(fmt.Sprintf("10.96.%d.%d", i+1, k+1)))
			}
			all = append(all, s.service(uint16(i+1), func(p *cluster.Port) {
				p.ClusterIPs, p.IngressIPs, p.NodePort = addrs[name], nil, 0
				p.Scheduler = cluster.Scheduler{Name: name}
			}, "p1", "p2"))
		}
		return all
	})
	s.drain("p1")
	for _, name := range present {
		t.Run(name, func(t *testing.T) {
			var answered, refused int
			for _, client := range []string{"p3", "node", "outside", "outside2"} {
				for _, addr := range addrs[name] {
					switch got := s.ask(question{client: client, want: "refused"}, lab.TCP, netip.AddrPortFrom(addr, 80)); got {
					case "p2 to " + client, "p2 to node":
						answered++
					case "refused":
						refused++
					default:
						t.Errorf("%s asks %s: %s", client, addr, got)
					}
				}
			}
			if want := state.Schedulers[name].Refuses; answered == 0 || want != (refused > 0) {
				t.Errorf("%d answered, %d refused; refused: want %t", answered, refused, want)
			}
		})
	}
}

// schedulersOf are those that the node's kernel has.
func schedulersOf(s street) (present []string) {
	err := s.inKernel(func(k *kernel.Kernel) error {
		for _, name := range state.SchedulerNames() {
			switch err := k.TryScheduler(s.Context(), name); {
			case err == nil:
				present = append(present, name)
			case !errors.Is(err, state.ErrNoScheduler) || !slices.Contains(newSchedulers, name):
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return present
}

// drain gives all real servers of a Pod weight 0.
func (s street) drain(pod string) {
	err := s.inKernel(func(k *kernel.Kernel) error {
		rows, err := k.RealServers().List(s.Context())
		if err != nil {
			return err
		}
		var ops []reconcile.Op[state.RealServer, state.Weight]
		for rs := range rows {
			if rs.Addr.Addr() == s.Pod(pod).IPv4 {
				ops = append(ops, reconcile.Op[state.RealServer, state.Weight]{Verb: reconcile.Update, Key: rs, Value: 0})
			}
		}
		return errors.Join(k.RealServers().Apply(s.Context(), ops)...)
	})
	if err != nil {
		s.Fatal(err)
	}
}

// inKernel does something with the node's kernel.
func (s street) inKernel(action func(*kernel.Kernel) error) error {
	return s.Node.Do(func() error {
		k, err := kernel.Open(kernel.Config{Scheduler: "rr", Rules: streetRules})
		if err != nil {
			return err
		}
		return errors.Join(action(k), k.Close())
	})
}
