//go:build e2e

package e2e

import (
	"net/netip"
	"testing"

	"github.com/kube-ipvs/kube-ipvs/e2e/lab"
)

// A program of the node that has a Service's address for itself, as a DNS cache
// does, is what Pods and processes of the node reach there.
func TestAddressesLeftToOthers(t *testing.T) {
	s := shared.space(t)
	web := s.service("web", endpoints{"p1": ready})
	of := web.clusterIPs()
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.start("--exclude-service-cidrs=" + of.v4.String() + "," + of.v6.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the usual daemon comes back
		if err := s.Kill(); err != nil {
			t.Error(err)
		}
	})
	s.bound(of.v4, false)
	s.bound(of.v6, false)
	if _, err := s.Host.Run("ip", "link", "add", "cache0", "type", "dummy"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := s.Host.Run("ip", "link", "delete", "cache0"); err != nil {
			t.Error(err)
		}
	})
	cache := lab.NewServer("cache")
	t.Cleanup(func() { _ = cache.Close() })
	for _, f := range families {
		addr := of.of(f)
		if _, err := s.Host.Run("ip", "address", "add", netip.PrefixFrom(addr, addr.BitLen()).String(), "dev", "cache0", "nodad"); err != nil {
			t.Fatal(err)
		}
		for _, p := range refusing {
			if err := cache.Listen(s.Host, p, netip.AddrPortFrom(addr, port)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, from := range []string{"p3", "node"} {
		become(t, s.questions(from, of, refusing...), by("cache"))
	}
}
