package state_test

import (
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

func TestShadow(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.10:80":      "246.51.100.10:80",
		"10.0.0.1:30080":        "250.0.0.1:30080",
		"[2001:db8:51::10]:80":  "[fdff:db8:51::10]:80",
		"[fd00:10:96::1]:30080": "[fdff:10:96::1]:30080",
		"240.0.0.1:80":          "",
		"[fdff::1]:80":          "",
	} {
		v := state.VirtualServer{Addr: netip.MustParseAddrPort(addr), Protocol: state.UDP}
		shadow, ok := v.Shadow()
		if want == "" {
			if ok {
				t.Errorf("%s has the shadow %s, want none", v, shadow)
			}
			continue
		}
		if !ok || shadow != (state.VirtualServer{Addr: netip.MustParseAddrPort(want), Protocol: state.UDP}) {
			t.Errorf("%s has the shadow %s, %t, want %s", v, shadow, ok, want)
		}
	}
}
