package device

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

func addressesIn(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestResolversAreRead(t *testing.T) {
	text := "# made by hand\nsearch example.com\nnameserver 192.0.2.53\n nameserver\t2001:db8::53 # second\nnameserver fe80::1%eth0\n" +
		"nameserver\n" +
		"nameserver none\noptions ndots:5\nnameserver ::ffff:192.0.2.54\n"
	if got, want := resolversIn(text), addressesIn("192.0.2.53", "2001:db8::53", "fe80::1", "192.0.2.54"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// routeMessage is about a route of this length in this table.
func routeMessage(prefix, table byte) []byte {
	return []byte{unix.AF_INET, prefix, 0, 0, table, 0, 0, unix.RTN_UNICAST, 0, 0, 0, 0}
}

func TestGatewaysAreRead(t *testing.T) {
	const main = unix.RT_TABLE_MAIN
	hop := func(kind uint16, v []byte) []byte {
		b := wire.Append(make([]byte, unix.SizeofRtNexthop), kind, v...)
		binary.NativeEndian.PutUint16(b, uint16(len(b)))
		return b
	}
	via6 := append(binary.NativeEndian.AppendUint16(nil, unix.AF_INET6), netip.MustParseAddr("2001:db8::1").AsSlice()...)
	for name, c := range map[string]struct {
		message []byte
		want    []netip.Addr
	}{
		"one":             {wire.Append(routeMessage(0, main), unix.RTA_GATEWAY, 192, 0, 2, 254), addressesIn("192.0.2.254")},
		"other family":    {wire.Append(routeMessage(0, main), unix.RTA_VIA, via6...), addressesIn("2001:db8::1")},
		"none":            {wire.Append(routeMessage(0, main), unix.RTA_OIF, 1, 0, 0, 0), nil},
		"of a network":    {wire.Append(routeMessage(24, main), unix.RTA_GATEWAY, 192, 0, 2, 254), nil},
		"another table's": {wire.Append(routeMessage(0, unix.RT_TABLE_LOCAL), unix.RTA_GATEWAY, 192, 0, 2, 254), nil},
		"several": {
			wire.Append(routeMessage(0, main), unix.RTA_MULTIPATH, append(hop(unix.RTA_GATEWAY, []byte{192, 0, 2, 253}), hop(unix.RTA_VIA, via6)...)...),
			addressesIn("192.0.2.253", "2001:db8::1"),
		},
	} {
		if got, err := gatewaysIn(c.message); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
	}
	for name, message := range map[string][]byte{
		"no header": routeMessage(0, main)[:8], "a hop that is cut off": wire.Append(routeMessage(0, main), unix.RTA_MULTIPATH, 40, 0, 0, 0, 1, 0, 0, 0),
		"a hop without length": wire.Append(routeMessage(0, main), unix.RTA_MULTIPATH, make([]byte, 8)...),
	} {
		if got, err := gatewaysIn(message); err == nil {
			t.Errorf("%s: %v and no error", name, got)
		}
	}
}
