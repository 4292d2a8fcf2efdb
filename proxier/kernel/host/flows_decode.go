package host

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// flow is what the kernel's table says of one connection, as far as it matters
// here. Tuple and zone, its name, lie in the message that it was read from.
type flow struct {
	asked, answers direction
	tuple, zone    []byte
}

// direction is one of the two ways of a flow. Ports are zero where the protocol
// has none.
type direction struct {
	protocol state.Protocol
	from, to netip.AddrPort
}

// readFlow reads a struct nfgenmsg and the attributes behind it. It makes no
// garbage: there may be hundreds of thousands.
func readFlow(body []byte) (f flow, err error) {
	if len(body) < nl.SizeofNfgenmsg {
		return flow{}, wire.ErrMalformed
	}
	var reply []byte
	err = wire.EachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) error {
		switch kind {
		case nl.CTA_TUPLE_ORIG:
			f.tuple = v
		case nl.CTA_TUPLE_REPLY:
			reply = v
		case nl.CTA_ZONE:
			f.zone = v
		}
		return nil
	})
	if err == nil {
		f.asked, err = readDirection(f.tuple)
	}
	if err == nil {
		f.answers, err = readDirection(reply)
	}
	return f, err
}

// readDirection reads a tuple.
func readDirection(tuple []byte) (d direction, err error) {
	var in wire.Values
	var from, to netip.Addr
	var fromPort, toPort uint16
	err = wire.EachAttribute(tuple, func(kind uint16, v []byte) error {
		switch kind {
		case nl.CTA_TUPLE_IP:
			return wire.EachAttribute(v, func(kind uint16, v []byte) error {
				switch kind {
				case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
					from, _ = netip.AddrFromSlice(v)
				case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
					to, _ = netip.AddrFromSlice(v)
				}
				return nil
			})
		case nl.CTA_TUPLE_PROTO:
			return wire.EachAttribute(v, func(kind uint16, v []byte) error {
				switch kind {
				case nl.CTA_PROTO_NUM:
					d.protocol = state.Protocol(in.Uint8(v))
				case nl.CTA_PROTO_SRC_PORT:
					fromPort = in.Port(v)
				case nl.CTA_PROTO_DST_PORT:
					toPort = in.Port(v)
				}
				return nil
			})
		}
		return nil
	})
	if err != nil || in.Bad || !from.IsValid() || !to.IsValid() {
		return direction{}, wire.ErrMalformed
	}
	d.from, d.to = netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort)
	return d, nil
}

// deletion is a request to delete this entry. The header says of which family it
// is.
func (f flow) deletion(header []byte) wire.Request {
	body := wire.Append(slices.Clone(header), unix.NLA_F_NESTED|nl.CTA_TUPLE_ORIG, f.tuple...)
	if f.zone != nil {
		body = wire.Append(body, nl.CTA_ZONE, f.zone...)
	}
	return wire.Request{Kind: unix.NFNL_SUBSYS_CTNETLINK<<8 | nl.IPCTNL_MSG_CT_DELETE, Body: body}
}
