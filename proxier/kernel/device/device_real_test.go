//go:build e2e

package device

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/kerneltest"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// A device that another program has removed and that was made anew has another number:
// addresses go to the new one.
func TestAddressesFollowTheDevice(t *testing.T) {
	kerneltest.FreshNamespace(t)
	k := openHere(t)
	if _, err := k.EnsureDevice(); err != nil {
		t.Fatal(err)
	}
	bind := func(addr string) error {
		op := reconcile.Op[netip.Addr, state.None]{Verb: reconcile.Create, Key: netip.MustParseAddr(addr)}
		return k.Addresses().Apply(t.Context(), []reconcile.Op[netip.Addr, state.None]{op})[0]
	}
	if err := bind("10.96.0.1"); err != nil {
		t.Fatal(err)
	}
	kerneltest.Output(t, "ip", "link", "del", Name)
	kerneltest.Output(t, "ip", "link", "add", Name, "type", "dummy")
	if err := bind("10.96.0.2"); err != nil {
		t.Errorf("on a device made anew by another program: %v", err)
	}
	kerneltest.Output(t, "ip", "link", "del", Name)
	for _, addr := range []string{"10.96.0.2", "fd00::2"} {
		if err := bind(addr); err != nil {
			t.Errorf("%s without the device: %v, want it to be made", addr, err)
		}
	}
	bound, err := k.Addresses().List(t.Context())
	if err != nil || len(bound) != 2 {
		t.Errorf("%v, %v; want two addresses", bound, err)
	}
	nowhere := reconcile.Op[netip.Addr, state.None]{Verb: reconcile.Create, Key: netip.MustParseAddr("10.96.0.3")}
	if got := k.rows.Do([]wire.Request{addressRequest(0, nowhere)})[0]; !errors.Is(got, unix.ENODEV) {
		t.Errorf("an address for device 0: %v, want %v", got, unix.ENODEV)
	}
}
