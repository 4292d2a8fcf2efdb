package device

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// linkMessage and addressMessage are as the kernel writes them.
func linkMessage(index uint32, name string) []byte {
	b := binary.NativeEndian.AppendUint32(make([]byte, 4), index)
	return wire.Append(append(b, make([]byte, 8)...), unix.IFLA_IFNAME, append([]byte(name), 0)...)
}

func addressMessage(index uint32, addr netip.Addr) []byte {
	b := binary.NativeEndian.AppendUint32([]byte{byte(wire.AddressFamily(addr)), byte(addr.BitLen()), 0, 0}, index)
	return wire.Append(b, unix.IFA_ADDRESS, addr.AsSlice()...)
}

// told is what is noted of a message.
func told(d *Device, kind uint16, body []byte) (all state.Changed) {
	d.event(kind, body, func(change func(*state.Changed)) { change(&all) })
	return all
}

func TestEventsAreRead(t *testing.T) {
	if l, err := parseLink(linkMessage(7, "kube-ipvs0")); err != nil || l != (link{7, "kube-ipvs0"}) {
		t.Errorf("%+v, %v", l, err)
	}
	for _, text := range []string{"10.96.0.1", "fd00:10:96::1"} {
		addr := netip.MustParseAddr(text)
		if b, err := parseAddress(addressMessage(7, addr)); err != nil || b != (bound{7, addr, addr.BitLen()}) {
			t.Errorf("%+v, %v", b, err)
		}
	}
	peer := wire.Append(addressMessage(7, netip.MustParseAddr("192.0.2.2")), unix.IFA_LOCAL, 192, 0, 2, 1)
	if b, err := parseAddress(peer); err != nil || b.addr != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("of an address with a peer the local one counts: %+v, %v", b, err)
	}
}

// What is no address of the node triggers nothing: each veth of a Pod gets a
// link-local one.
func TestWhichAddressesAreOfInterest(t *testing.T) {
	const others, ours = 77, 2
	for _, c := range []struct {
		link uint32
		addr string
		want state.Changed
	}{
		{others, "fe80::ecee:eeff:feee:eeee", state.Changed{}},
		{others, "169.254.1.1", state.Changed{}},
		{others, "127.0.0.2", state.Changed{}},
		{others, "192.0.2.1", state.Changed{NodeAddresses: true}},
		{others, "2001:db8::1", state.Changed{NodeAddresses: true}},
		{ours, "fe80::1", state.Changed{}},
		{ours, "10.96.0.1", state.Changed{Addresses: map[netip.Addr]bool{netip.MustParseAddr("10.96.0.1"): true}}},
	} {
		var d Device
		d.index.Store(ours)
		if diff := cmp.Diff(c.want, told(&d, unix.RTM_NEWADDR, addressMessage(c.link, netip.MustParseAddr(c.addr))), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s on link %d (-want +got):\n%s", c.addr, c.link, diff)
		}
	}
}

// FuzzEvents: whatever a message holds, it is read or refused.
func FuzzEvents(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWLINK), linkMessage(7, "kube-ipvs0"))
	f.Add(uint16(unix.RTM_DELADDR), addressMessage(7, netip.MustParseAddr("10.96.0.1")))
	f.Add(uint16(unix.RTM_NEWADDR), addressMessage(7, netip.MustParseAddr("fd00::1")))
	f.Fuzz(func(t *testing.T, kind uint16, body []byte) {
		for a := range told(&Device{}, kind, body).Addresses {
			if !a.IsValid() {
				t.Error("an address that is none")
			}
		}
	})
}
