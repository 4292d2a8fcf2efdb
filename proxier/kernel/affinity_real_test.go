//go:build e2e

package kernel_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/cluster"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
)

// TestAClosedConnectionKeepsItsClient pins what Linux does with affinity that is
// shorter than the two minutes for which a closed connection is remembered: when
// the time is over and the client has one, it goes on for another minute (B122).
func TestAClosedConnectionKeepsItsClient(t *testing.T) {
	s := openStreet(t, rules.IPTables, func(s street) []cluster.Port {
		return []cluster.Port{s.service(sticky, func(p *cluster.Port) { p.Affinity = time.Second }, "p1", "r1")}
	})
	for family, client := range map[ipset.Family]string{ipset.IPv4: "10.244.1.2:0", ipset.IPv6: "[fd00:10:244:1::2]:0"} {
		if _, err := lab.Ask(s.Namespace("p2"), lab.TCP, question{way: "cluster", number: sticky}.to(family), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err := lab.Until(ctx, func() error {
			table, err := s.Node.Run("ipvsadm", "-Lnc")
			if err != nil {
				return err
			}
			for line := range strings.Lines(table) {
				if words := strings.Fields(line); len(words) > 3 && words[3] == client && words[1] > "00:30" {
					return nil
				}
			}
			return fmt.Errorf("%s is not remembered for longer than asked for:\n%s", client, table)
		})
		if err != nil {
			t.Error(err)
		}
	}
}
