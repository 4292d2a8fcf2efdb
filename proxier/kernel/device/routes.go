package device

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// The kernel takes the MTU of the loopback device for that of a Service address.
// So a process of the node sends packets of any size there, forbids that they are
// divided, and IPVS refuses those that the way to the endpoint does not carry:
// the process has EMSGSIZE. With a locked MTU in the route they may be divided.
// Of IPv6 there is no such bit, IPVS looks at the size alone.
const (
	wholeMTU = 65520 // the most that a route may have
	mtuLock  = 1 << unix.RTAX_MTU
)

// routeRequest replaces the route that the kernel makes for an IPv4 address of
// our device. It goes with the address.
func routeRequest(link int, addr netip.Addr) wire.Request {
	body := routeHeader()
	body[1] = byte(addr.BitLen())
	body[5], body[6], body[7] = unix.RTPROT_KERNEL, unix.RT_SCOPE_HOST, unix.RTN_LOCAL
	body = wire.Append(body, unix.RTA_DST, addr.AsSlice()...)
	body = wire.Append(body, unix.RTA_PREFSRC, addr.AsSlice()...)
	body = wire.Append32(body, unix.RTA_OIF, uint32(link))
	metrics := wire.Append32(wire.Append32(nil, unix.RTAX_LOCK, mtuLock), unix.RTAX_MTU, wholeMTU)
	body = wire.Append(body, unix.RTA_METRICS, metrics...)
	return wire.Request{Kind: unix.RTM_NEWROUTE, Flags: unix.NLM_F_REPLACE, Body: body}
}

// routeHeader is a struct rtmsg about the local table of IPv4.
func routeHeader() []byte {
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[4] = unix.AF_INET, unix.RT_TABLE_LOCAL
	return body
}

// wantsRoute tells whether the address needs a route of ours.
func wantsRoute(op reconcile.Op[netip.Addr, state.None]) bool {
	return op.Verb != reconcile.Delete && op.Key.Is4()
}

// EnsureRoutes replaces the routes of addresses that others have bound, or whose
// route others have changed. It tells how many. It may run beside the goroutine that
// writes rows.
func (d *Device) EnsureRoutes() (replaced int, err error) {
	ours, err := d.number()
	if err != nil || ours == noDevice {
		return 0, err
	}
	// Kernels that can, since 4.20, name these only.
	r := wire.Request{Kind: unix.RTM_GETROUTE, Body: wire.Append32(routeHeader(), unix.RTA_OIF, uint32(ours))}
	var due []wire.Request
	err = d.prepare.Relist(r, func() { due = nil }, func(body []byte) error {
		route, err := parseRoute(body)
		if err == nil && route.local && route.link == ours && !route.divisible {
			due = append(due, routeRequest(ours, route.addr))
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("list routes to addresses on %s: %w", Name, wire.Translate(err, nil))
	}
	gone := map[unix.Errno]error{unix.ENODEV: nil, unix.ENOENT: nil, unix.EINVAL: nil} // it is not bound any more
	for i, err := range d.prepare.Do(due) {
		if err = wire.Translate(err, gone); err != nil {
			return i, fmt.Errorf("replace a route to an address on %s: %w", Name, err)
		}
	}
	return len(due), nil
}

// route is one to a single address.
type route struct {
	local     bool
	link      int
	addr      netip.Addr
	divisible bool // packets of the node on this way may be divided
}

// parseRoute reads a struct rtmsg and the attributes behind it.
func parseRoute(body []byte) (r route, err error) {
	if len(body) < unix.SizeofRtMsg {
		return r, wire.ErrMalformed
	}
	r.local = body[0] == unix.AF_INET && body[1] == 32 && body[4] == unix.RT_TABLE_LOCAL && body[7] == unix.RTN_LOCAL
	var metrics []byte
	err = wire.EachAttribute(body[unix.SizeofRtMsg:], func(kind uint16, v []byte) error {
		switch {
		case kind == unix.RTA_DST:
			r.addr, _ = netip.AddrFromSlice(v)
		case kind == unix.RTA_OIF && len(v) == 4:
			r.link = int(binary.NativeEndian.Uint32(v))
		case kind == unix.RTA_METRICS:
			metrics = v
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	return r, wire.EachAttribute(metrics, func(kind uint16, v []byte) error {
		r.divisible = r.divisible || kind == unix.RTAX_LOCK && len(v) == 4 && binary.NativeEndian.Uint32(v)&mtuLock != 0
		return nil
	})
}
