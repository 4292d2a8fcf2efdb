package state_test

import (
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func TestInClusterAliases(t *testing.T) {
	chosen := state.AliasesIn([]netip.Prefix{netip.MustParsePrefix("100.96.0.0/11")})
	for _, c := range []struct {
		in         state.Aliases
		addr, want string
	}{
		{state.Aliases{}, "198.51.100.10:80", "246.51.100.10:80"},
		{state.Aliases{}, "10.0.0.1:30080", "250.0.0.1:30080"},
		{state.Aliases{}, "[2001:db8:51::10]:80", "[fdff:db8:51::10]:80"},
		{state.Aliases{}, "[fd00:10:96::1]:30080", "[fdff:10:96::1]:30080"},
		{state.Aliases{}, "240.0.0.1:80", ""},
		{state.Aliases{}, "[fdff::1]:80", ""},
		{chosen, "198.51.100.10:80", "100.115.100.10:80"},
		{chosen, "10.224.0.1:80", "100.96.0.1:80"},
		{chosen, "240.0.0.1:80", "100.96.0.1:80"},
		{chosen, "100.127.0.1:80", ""},
		{chosen, "[2001:db8:51::10]:80", "[fdff:db8:51::10]:80"},
		{state.AliasesIn([]netip.Prefix{netip.MustParsePrefix("fd00:a11a::/32"), netip.MustParsePrefix("10.0.0.0/8")}), "[2001:db8:51::10]:80", "[fd00:a11a:51::10]:80"},
	} {
		v := state.VirtualServer{Addr: netip.MustParseAddrPort(c.addr), Protocol: state.UDP}
		alias, ok := c.in.Of(v)
		if ok != (c.want != "") || ok && alias != (state.VirtualServer{Addr: netip.MustParseAddrPort(c.want), Protocol: state.UDP}) {
			t.Errorf("%s has the in-cluster alias %s, %t, want %q", v, alias, ok, c.want)
		}
		if c.in.Contain(v.Addr.Addr()) == ok || ok && !c.in.Contain(alias.Addr.Addr()) {
			t.Errorf("%s and its alias %s: which of them lies where aliases do?", v, alias)
		}
	}
}
