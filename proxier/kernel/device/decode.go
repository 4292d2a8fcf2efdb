package device

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
)

// link is what a message about a network interface says.
type link struct {
	index int
	name  string
}

// parseLink reads a struct ifinfomsg and the attributes behind it.
func parseLink(body []byte) (l link, err error) {
	if len(body) < unix.SizeofIfInfomsg {
		return l, wire.ErrMalformed
	}
	l.index = int(int32(binary.NativeEndian.Uint32(body[4:])))
	err = wire.EachAttribute(body[unix.SizeofIfInfomsg:], func(kind uint16, v []byte) error {
		if kind == unix.IFLA_IFNAME {
			l.name = wire.Text(v)
		}
		return nil
	})
	return l, err
}

// bound is what a message about an address says.
type bound struct {
	link int
	addr netip.Addr
	bits int // of the address that are the network's
}

// parseAddress reads a struct ifaddrmsg and the attributes behind it. The
// address of the interface itself is the local one, where there is another.
func parseAddress(body []byte) (b bound, err error) {
	if b.link, _, err = linkOfAddress(body); err != nil {
		return b, err
	}
	b.bits = int(body[1])
	err = wire.EachAttribute(body[unix.SizeofIfAddrmsg:], func(kind uint16, v []byte) error {
		if a, ok := netip.AddrFromSlice(v); ok && (kind == unix.IFA_LOCAL || kind == unix.IFA_ADDRESS && !b.addr.IsValid()) {
			b.addr = a.Unmap()
		}
		return nil
	})
	if err == nil && !b.addr.IsValid() {
		err = wire.ErrMalformed
	}
	return b, err
}

// linkOfAddress reads of such a message only whose address it is about, and of
// which family.
func linkOfAddress(body []byte) (link int, family uint8, err error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return 0, 0, wire.ErrMalformed
	}
	return int(int32(binary.NativeEndian.Uint32(body[4:]))), body[0], nil
}
