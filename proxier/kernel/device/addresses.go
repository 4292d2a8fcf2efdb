package device

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Addresses are those on our device, whole addresses without a network.
func (d *Device) Addresses() reconcile.Kind[netip.Addr, state.None] { return addresses{d} }

type addresses struct{ device *Device }

func (a addresses) List(context.Context) (map[netip.Addr]state.None, error) {
	ours, err := a.device.number()
	if err != nil {
		return nil, err
	}
	rows := map[netip.Addr]state.None{}
	if ours == noDevice {
		return rows, nil
	}
	all, err := a.device.bound(func(link int) bool { return link == ours })
	if err != nil {
		return nil, fmt.Errorf("on %s: %w", Name, err)
	}
	for _, b := range all {
		// The link-local address is the kernel's: it comes when the device is up.
		if !b.addr.IsLinkLocalUnicast() {
			rows[b.addr] = state.None{}
		}
	}
	return rows, nil
}

// Apply goes by the number that the device had when it was last looked for. The
// kernel does not give a number twice, so that where it knows the number no
// more the device has been made anew, and is looked for, or has gone, and is made.
func (a addresses) Apply(_ context.Context, ops []reconcile.Op[netip.Addr, state.None]) []error {
	errs := a.change(ops)
	if !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, unix.ENODEV) }) {
		return errs
	}
	if err := a.device.ensure(); err != nil {
		return slices.Repeat([]error{err}, len(ops))
	}
	return a.change(ops)
}

func (a addresses) change(ops []reconcile.Op[netip.Addr, state.None]) []error {
	index := int(a.device.index.Load())
	var requests []wire.Request
	var of []int // the op that each of them belongs to
	add := func(op int, r wire.Request) { requests, of = append(requests, r), append(of, op) }
	for i, op := range ops {
		add(i, addressRequest(index, op))
		if wantsRoute(op) {
			add(i, routeRequest(index, op.Key))
		}
	}
	errs := make([]error, len(ops))
	gone := map[unix.Errno]error{unix.EADDRNOTAVAIL: nil, unix.EEXIST: nil}
	for i, err := range a.device.rows.Do(requests) {
		said := wire.Verdict(err, gone)
		if ops[of[i]].Key.Is6() && errors.Is(err, unix.EACCES) {
			said = cmp.Or(ipv6Refused(), said)
		}
		if errs[of[i]] == nil {
			errs[of[i]] = said
		}
	}
	return errs
}

// addressRequest is an RTM_NEWADDR or RTM_DELADDR, with a struct ifaddrmsg in
// frontend.
func addressRequest(link int, op reconcile.Op[netip.Addr, state.None]) wire.Request {
	r := wire.Request{Kind: unix.RTM_NEWADDR, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL}
	if op.Verb == reconcile.Delete {
		r = wire.Request{Kind: unix.RTM_DELADDR}
	}
	// No other host can have a Service address on a dummy device, and waiting
	// for duplicate address detection would keep it tentative.
	r.Body = []byte{byte(wire.AddressFamily(op.Key)), byte(op.Key.BitLen()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE}
	r.Body = binary.NativeEndian.AppendUint32(r.Body, uint32(link))
	r.Body = wire.Append(r.Body, unix.IFA_LOCAL, op.Key.AsSlice()...)
	r.Body = wire.Append(r.Body, unix.IFA_ADDRESS, op.Key.AsSlice()...)
	if op.Key.Is6() {
		// Deprecated, so that the kernel never prefers it as the source of the
		// host's own packets: masquerading towards local Pods would take it.
		r.Body = wire.Append(r.Body, unix.IFA_CACHEINFO, lifetimes(0, math.MaxUint32)...)
	}
	return r
}

// lifetimes is a struct ifa_cacheinfo.
func lifetimes(preferred, valid uint32) []byte {
	b := binary.NativeEndian.AppendUint32(nil, preferred)
	b = binary.NativeEndian.AppendUint32(b, valid)
	return append(b, make([]byte, 8)...)
}
