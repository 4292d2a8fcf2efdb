package cluster

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

func nets(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestSourceRanges(t *testing.T) {
	const unread = " is not an address range: one such as 10.0.0.0/8 is needed"
	for name, c := range map[string]struct {
		given   []string
		want    SourceRanges
		remarks []string
	}{
		"none":                          {},
		"B102 white space":              {given: []string{" 10.0.0.0/8", "fd00::/8 "}, want: SourceRanges{Nets: nets("10.0.0.0/8", "fd00::/8")}},
		"spelled in other ways":         {given: []string{"10.0.0.0/8", "10.1.2.3/8", "::ffff:10.0.0.0/104"}, want: SourceRanges{Nets: nets("10.0.0.0/8")}},
		"B108 one address":              {given: []string{"10.0.0.1/32", "fd00::1/128"}, want: SourceRanges{Nets: nets("10.0.0.1/32", "fd00::1/128")}},
		"one cannot be read":            {given: []string{"10.0.0.0/8", "10.0.0.1"}, want: SourceRanges{Nets: nets("10.0.0.0/8")}, remarks: []string{`"10.0.0.1"` + unread}},
		"none can be read":              {given: []string{"", "::ffff:0.0.0.0/95"}, want: SourceRanges{Closed: true}, remarks: []string{`""` + unread, `"::ffff:0.0.0.0/95"` + unread}},
		"B103 the whole of both ranges": {given: []string{"0.0.0.0/0", "::/0"}, want: SourceRanges{Nets: nets("0.0.0.0/0", "::/0")}},
	} {
		t.Run(name, func(t *testing.T) {
			ports, remarks := Ports(cart(func(s *v1.Service) { s.Spec.LoadBalancerSourceRanges = c.given }), nil, Node{})
			if diff := cmp.Diff(c.want, ports[0].SourceRanges, plain, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var want []Remark
			for _, problem := range c.remarks {
				want = append(want, onCart("spec.loadBalancerSourceRanges", problem))
			}
			if diff := cmp.Diff(want, remarks); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSourceRangesFor(t *testing.T) {
	for name, c := range map[string]struct {
		ranges SourceRanges
		v4, v6 []netip.Prefix
		shut4  bool
		shut6  bool
	}{
		"none":               {},
		"B104 one family":    {ranges: SourceRanges{Nets: nets("10.0.0.0/8")}, v4: nets("10.0.0.0/8"), shut4: true},
		"B103 all of IPv4":   {ranges: SourceRanges{Nets: nets("10.0.0.0/8", "0.0.0.0/0", "fd00::/8")}, v6: nets("fd00::/8"), shut6: true},
		"none could be read": {ranges: SourceRanges{Closed: true}, shut4: true, shut6: true},
	} {
		t.Run(name, func(t *testing.T) {
			v4, shut4 := c.ranges.For(netip.MustParseAddr("203.0.113.1"))
			v6, shut6 := c.ranges.For(netip.MustParseAddr("2001:db8::1"))
			same := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
			if diff := cmp.Diff(c.v4, v4, same) + cmp.Diff(c.v6, v6, same); diff != "" || shut4 != c.shut4 || shut6 != c.shut6 {
				t.Errorf("restricted %t and %t, want %t and %t (-want +got):\n%s", shut4, shut6, c.shut4, c.shut6, diff)
			}
		})
	}
}
