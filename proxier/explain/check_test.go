package explain

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/snapshot"
)

// What is of IPv6 alone is asked of a machine only where the cluster uses it and
// the daemon, if one runs, serves it.
func TestIPv6IsAskedForOnlyWhereItIsUsed(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	pods4, pods6 := netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")
	const forwarding, off = "error sysctl net.ipv6.conf.all.forwarding", "warning IPv6 is off on kube-ipvs0: sysctl net.ipv6.conf.default.disable_ipv6 is 1"
	const left = "warning IPv6 the daemon serves IPv4 alone: IPv6: no table nat"
	for _, c := range []struct {
		name   string
		node   []netip.Addr
		pods   []netip.Prefix
		daemon *snapshot.Daemon
		want   []string
	}{
		{"a node of IPv4", []netip.Addr{v4}, nil, nil, nil},
		{"a node of both", []netip.Addr{v4, v6}, nil, nil, []string{forwarding, off}},
		{"Pods of IPv4 on a node of both", []netip.Addr{v4, v6}, []netip.Prefix{pods4}, nil, nil},
		{"Pods of both", []netip.Addr{v4, v6}, []netip.Prefix{pods4, pods6}, &snapshot.Daemon{Families: []string{"IPv4", "IPv6"}}, []string{forwarding, off}},
		{
			"a daemon that leaves it out",
			[]netip.Addr{v4, v6},
			nil,
			&snapshot.Daemon{Families: []string{"IPv4"}, Unserved: "IPv6: no table nat"},
			[]string{left},
		},
	} {
		m := snapshot.Machine{IPVS: true, Nodes: c.node, Sysctls: map[string]string{
			"net.ipv4.ip_forward": "1", "net.ipv4.vs.conntrack": "1", "net.ipv4.vs.expire_nodest_conn": "1",
			"net.ipv6.conf.all.forwarding": "0", "net.ipv6.conf.default.disable_ipv6": "1",
		}}
		var said []string
		for _, r := range Check(m, c.daemon, Requirements{Pods: c.pods}) {
			if strings.Contains(r.What+r.Said, "IPv6") || strings.Contains(r.What, "ipv6") {
				said = append(said, string(r.Level)+" "+r.What+" "+r.Said)
			}
		}
		for i, want := range c.want {
			if len(said) != len(c.want) || !strings.HasPrefix(said[i], want) {
				t.Errorf("%s: %q, want %q", c.name, said, c.want)
				break
			}
		}
		if len(c.want) == 0 && len(said) > 0 {
			t.Errorf("%s: %q, want nothing", c.name, said)
		}
	}
}
