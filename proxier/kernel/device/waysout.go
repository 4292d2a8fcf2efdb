package device

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vishvananda/netlink"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// resolvConf names the resolvers. In a container on the node's network it is a
// copy of what the kubelet takes for the node's.
const resolvConf = "/etc/resolv.conf"

// WaysOut are the gateways of this machine's default routes, and the resolvers
// that it is told to ask.
func (d *Device) WaysOut(context.Context) (w state.WaysOut, err error) {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		gateways, err := d.gateways(family)
		if err != nil {
			return w, fmt.Errorf("list the default routes: %w", err)
		}
		w.Gateways = append(w.Gateways, gateways...)
	}
	text, err := os.ReadFile(resolvConf)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return w, fmt.Errorf("read the resolvers: %w", err)
	}
	w.Resolvers = resolversIn(string(text))
	return w, nil
}

// gateways are those of the main table. The kernel is asked for that table alone:
// in another there is a route for each address of a Service. Kernels before 4.20
// tell of all tables.
func (d *Device) gateways(family byte) (all []netip.Addr, err error) {
	r := wire.Request{Kind: unix.RTM_GETROUTE, Body: make([]byte, unix.SizeofRtMsg)}
	r.Body[0], r.Body[4] = family, unix.RT_TABLE_MAIN
	err = d.rows.Relist(r, func() { all = nil }, func(body []byte) error {
		found, err := gatewaysIn(body)
		all = append(all, found...)
		return err
	})
	return all, wire.Translate(err, map[unix.Errno]error{unix.ENOENT: nil}) // no such table
}

// gatewaysIn reads a struct rtmsg and the attributes behind it: of a default route
// of the main table the next hops, of which there may be several, or one of the
// other family.
func gatewaysIn(body []byte) (all []netip.Addr, err error) {
	if len(body) < unix.SizeofRtMsg {
		return nil, wire.ErrMalformed
	}
	if prefix, table, kind := body[1], body[4], body[7]; prefix != 0 || table != unix.RT_TABLE_MAIN || kind != unix.RTN_UNICAST {
		return nil, nil
	}
	return hopsIn(body[unix.SizeofRtMsg:])
}

func hopsIn(attributes []byte) (all []netip.Addr, err error) {
	note := func(address []byte) {
		if a, ok := netip.AddrFromSlice(address); ok {
			all = append(all, a.Unmap())
		}
	}
	var several []byte
	err = wire.EachAttribute(attributes, func(kind uint16, v []byte) error {
		switch {
		case kind == unix.RTA_GATEWAY:
			note(v)
		case kind == unix.RTA_VIA && len(v) > 2:
			note(v[2:]) // behind its family
		case kind == unix.RTA_MULTIPATH:
			several = v
		}
		return nil
	})
	for err == nil && len(several) > 0 {
		length := 0
		if len(several) >= unix.SizeofRtNexthop {
			length = int(binary.NativeEndian.Uint16(several))
		}
		if length < unix.SizeofRtNexthop || length > len(several) {
			return all, wire.ErrMalformed
		}
		var hops []netip.Addr
		hops, err = hopsIn(several[unix.SizeofRtNexthop:length])
		all, several = append(all, hops...), several[min(wire.Align(length), len(several)):]
	}
	return all, err
}

// resolversIn reads the nameserver lines of resolv.conf.
func resolversIn(text string) (all []netip.Addr) {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if addr, err := netip.ParseAddr(words[1]); err == nil {
			all = append(all, addr.Unmap().WithZone(""))
		}
	}
	return all
}

// InterfaceTo is the interface that leads to an address, by which its packets
// come in.
func InterfaceTo(addr netip.Addr) (string, error) {
	routes, err := netlink.RouteGet(addr.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", fmt.Errorf("find the route to %s: %w", addr, cmp.Or(wire.Translate(err, nil), errors.New("there is none")))
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", fmt.Errorf("find the interface that leads to %s: %w", addr, wire.Translate(err, nil))
	}
	return link.Attrs().Name, nil
}
