package device

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// maxAddressEvents bounds what is remembered of single addresses. Beyond it all
// of them are to be read, which is cheaper then.
const maxAddressEvents = 1 << 14

// WatchDevice has noted, until the Device is closed, what the kernel tells of links
// and addresses.
func (d *Device) WatchDevice(note func(func(*state.Changed))) (err error) {
	take := func(kind uint16, body []byte) { d.event(kind, body, note) }
	lost := func() { note(func(t *state.Changed) { t.NodeAddresses, t.Device = true, true }) }
	d.subscription, err = wire.Subscribe(unix.NETLINK_ROUTE, take, lost,
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return fmt.Errorf("subscribe to links and addresses: %w", wire.Translate(err, nil))
	}
	return nil
}

// event looks at one message about a link or an address.
func (d *Device) event(kind uint16, body []byte, note func(func(*state.Changed))) {
	ours := int(d.index.Load())
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, err := parseLink(body)
		named := l.name == Name
		known := l.index == ours
		if err == nil && (named != known || named && kind == unix.RTM_DELLINK) {
			note(func(t *state.Changed) { t.Device = true })
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, err := parseAddress(body)
		switch {
		case err != nil:
		case a.link != ours && !reachable(a.addr): // each veth of a Pod gets one
		case a.link != ours:
			note(func(t *state.Changed) { t.NodeAddresses = true })
		case !a.addr.IsLinkLocalUnicast():
			note(func(t *state.Changed) { touchAddress(t, a.addr, kind == unix.RTM_NEWADDR) })
		}
	}
}

func touchAddress(t *state.Changed, a netip.Addr, there bool) {
	if t.Addresses == nil {
		t.Addresses = map[netip.Addr]bool{}
	}
	t.Addresses[a] = there
	if len(t.Addresses) > maxAddressEvents {
		t.Device, t.Addresses = true, nil
	}
}
