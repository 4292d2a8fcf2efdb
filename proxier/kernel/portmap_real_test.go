//go:build e2e

package kernel_test

import (
	"errors"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// TestPortMappingTakesNoServiceTraffic has the port mapping of CNI send a port of
// all local addresses to a Pod, by a rule behind ours as it is put there since
// CNI 0.7.5: Services keep their clients (K40, K66).
func TestPortMappingTakesNoServiceTraffic(t *testing.T) {
	s := openStreet(t, rules.IPTables, func(s street) []cluster.Port { return []cluster.Port{s.service(bothHere, nil, "p1")} })
	err := s.Node.Do(func() error {
		for _, chain := range []string{"PREROUTING", "OUTPUT"} {
			rule := []string{"-t", "nat", "-A", chain, "-p", "tcp", "--dport", "80", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "DNAT", "--to-destination", "10.244.1.2:8080"}
			if out, err := exec.Command("iptables", rule...).CombinedOutput(); err != nil {
				return errors.New(string(out))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{"p3", "node"} {
		service, mapped := netip.MustParseAddrPort("10.96.0.10:80"), netip.AddrPortFrom(s.Node.IPv4, 80)
		for at, want := range map[netip.AddrPort]string{service: "p1", mapped: "p2"} {
			if a, err := lab.Ask(s.Namespace(client), lab.TCP, at, 10*time.Second); err != nil || a.Pod != want {
				t.Errorf("%s asks %s: %v, %v; want %s", client, at, a, err, want)
			}
		}
	}
}
