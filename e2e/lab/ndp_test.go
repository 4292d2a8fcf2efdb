//go:build linux

package lab

import (
	"net"
	"net/netip"
	"slices"
	"testing"
)

// The bytes are those of RFC 4861, 4.3 and 4.4.
func TestNeighborDiscovery(t *testing.T) {
	addr := netip.MustParseAddr("2001:db8::12:3456")
	if got := solicitedNode(addr).String(); got != "ff02::1:ff12:3456" {
		t.Errorf("the group of %s: %s", addr, got)
	}
	target := addr.AsSlice()
	want := slices.Concat([]byte{135, 0, 0, 0, 0, 0, 0, 0}, target, []byte{1, 1, 2, 0, 0, 0, 0, 7})
	if got := solicitation(addr, net.HardwareAddr{2, 0, 0, 0, 0, 7}); !slices.Equal(got, want) {
		t.Errorf("solicitation: %x, want %x", got, want)
	}

	hardware := []byte{2, 1, 2, 0, 0, 0, 0, 9}
	header := []byte{136, 0, 0, 0, 0x60, 0, 0, 0}
	for name, c := range map[string]struct {
		message []byte
		want    []string
	}{
		"an answer":                {slices.Concat(header, target, hardware), []string{"02:00:00:00:00:09"}},
		"another option before it": {slices.Concat(header, target, []byte{14, 1, 0, 0, 0, 0, 0, 0}, hardware), []string{"02:00:00:00:00:09"}},
		"no answer to a question":  {slices.Concat([]byte{136, 0, 0, 0, 0x20, 0, 0, 0}, target, hardware), nil},
		"another address":          {slices.Concat(header, net.ParseIP("2001:db8::1"), hardware), nil},
		"another message":          {slices.Concat([]byte{135, 0, 0, 0, 0x60, 0, 0, 0}, target, hardware), nil},
		"an option of no size":     {slices.Concat(header, target, []byte{2, 0, 2, 0, 0, 0, 0, 9}), nil},
		"cut off":                  {slices.Concat(header, target, hardware[:4]), nil},
		"too short":                {header, nil},
	} {
		if got := advertised(c.message, addr); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
