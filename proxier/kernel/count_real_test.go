//go:build e2e

package kernel_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// kinds are all sorts of Services, as far as they could matter to a rule.
var kinds = []func(*cluster.Port){
	func(p *cluster.Port) { p.NodePort, p.IngressIPs = 0, nil },
	func(p *cluster.Port) { p.IngressIPs, p.External = nil, cluster.Cluster },
	func(p *cluster.Port) { p.IngressIPs = nil },
	func(p *cluster.Port) { p.External = cluster.Cluster },
	func(*cluster.Port) {},
	func(p *cluster.Port) { p.Internal = cluster.Local },
	func(p *cluster.Port) { p.Affinity = time.Hour },
	func(p *cluster.Port) { p.SourceRanges.Nets = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} },
	func(p *cluster.Port) { p.ExternalIPs, p.IngressIPs = p.IngressIPs, nil },
	func(p *cluster.Port) { p.Endpoints = nil },
}

// TestAThousandServicesHaveTheRulesOfOne counts the rules of both families.
func TestAThousandServicesHaveTheRulesOfOne(t *testing.T) {
	rules := func(n int) string {
		s := openStreet(t, rules.IPTables, func(s street) (all []cluster.Port) {
			for i := range n {
				all = append(all, s.service(uint16(i%250+1), func(p *cluster.Port) {
					p.Name.Service = types.NamespacedName{Namespace: "lab", Name: "many-" + strings.Repeat("i", i/250) + p.Name.Service.Name}
					p.Port += uint16(i / 250)
					p.NodePort = uint16(30000 + i)
					kinds[i%len(kinds)](p)
				}, "p1", "r1"))
			}
			return all
		})
		text, err := s.Node.Rules()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	one, all, thousand := rules(1), rules(len(kinds)), rules(1000)
	count := func(text string) int { return strings.Count(text, "\n-A ") }
	t.Logf("rules with 1 Service: %d, with one of each kind: %d, with 1000: %d", count(one), count(all), count(thousand))
	if count(one) == 0 || one != all || all != thousand {
		t.Errorf("rules with one Service:\n%s\nwith one of each kind:\n%s\nwith a thousand:\n%s", one, all, thousand)
	}
}
