package apiserver

import (
	"net/netip"
	"strings"
	"testing"
)

func TestAPIServerBehindItsOwnService(t *testing.T) {
	for _, c := range []struct {
		name, service, at string
		refused           bool
	}{
		{"the Service's address", "10.96.0.1", "10.96.0.1", true},
		{"of IPv6, written otherwise", "fd00::1", "fd00:0::1", true},
		{"another address", "10.96.0.1", "192.0.2.10", false},
		{"a name, which we do not resolve", "10.96.0.1", "", false},
		{"outside of a cluster", "", "10.96.0.1", false},
	} {
		t.Setenv(ownService, c.service)
		at, _ := netip.ParseAddr(c.at) // a name is no address
		err := RefuseOwnService(at)
		if refused := err != nil; refused != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil && (!strings.Contains(err.Error(), at.String()) || !strings.Contains(err.Error(), "--kubeconfig")) {
			t.Errorf("%s: %v, want an error that names the address and what to do", c.name, err)
		}
	}
}
