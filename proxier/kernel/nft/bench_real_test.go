//go:build e2e

package nft

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// ports are n members of one set.
func ports(n int) (all []ipset.Entry) {
	for i := range n {
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 0x0a600000+uint32(i))))
		all = append(all, ipset.IPPort(netip.AddrPortFrom(addr, 80), 6))
	}
	return all
}

// BenchmarkMembers adds and deletes members, one a call and 500 a call, with
// nftables and with ipset.
func BenchmarkMembers(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"1", 1}, {"500", 500}, {"10000", 10000}} {
		entries := ports(size.n)
		b.Run("nftables/"+size.name, func(b *testing.B) {
			r := fresh(b, rules.Config{Mark: 0x4000})
			prepare(b, r)
			kind := r.Members()
			for b.Loop() {
				for _, verb := range []reconcile.Verb{reconcile.Create, reconcile.Delete} {
					var ops []op
					for _, e := range entries {
						ops = append(ops, op{Verb: verb, Key: state.ServicePorts.Holding(e)})
					}
					for _, err := range kind.Apply(b.Context(), ops) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2*size.n*b.N), "µs/member")
		})
		b.Run("ipset/"+size.name, func(b *testing.B) {
			fresh(b, rules.Config{Mark: 0x4000})
			sets, err := ipset.Open()
			if err != nil {
				b.Fatal(err)
			}
			defer sets.Close()
			if err := sets.Create(ipset.Set{Name: "X", Type: ipset.HashIPPort, Family: ipset.IPv4, MaxEntries: 1 << 20}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, change := range []func(string, []ipset.Entry) []error{sets.Add, sets.Remove} {
					for _, err := range change("X", entries) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(2*size.n*b.N), "µs/member")
		})
	}
}
