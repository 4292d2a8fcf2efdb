package kernel

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

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
		return flow{}, errShort
	}
	var reply []byte
	err = eachAttribute(body[nl.SizeofNfgenmsg:], func(kind uint16, v []byte) {
		switch kind {
		case nl.CTA_TUPLE_ORIG:
			f.tuple = v
		case nl.CTA_TUPLE_REPLY:
			reply = v
		case nl.CTA_ZONE:
			f.zone = v
		}
	})
	if err != nil {
		return flow{}, err
	}
	var short error
	f.asked, err = readDirection(f.tuple)
	f.answers, short = readDirection(reply)
	return f, errors.Join(err, short)
}

// readDirection reads a tuple.
func readDirection(tuple []byte) (d direction, err error) {
	var in values
	var from, to netip.Addr
	var fromPort, toPort uint16
	var short, shorter error
	err = eachAttribute(tuple, func(kind uint16, v []byte) {
		switch kind {
		case nl.CTA_TUPLE_IP:
			short = eachAttribute(v, func(kind uint16, v []byte) {
				switch kind {
				case nl.CTA_IP_V4_SRC, nl.CTA_IP_V6_SRC:
					from, _ = netip.AddrFromSlice(v)
				case nl.CTA_IP_V4_DST, nl.CTA_IP_V6_DST:
					to, _ = netip.AddrFromSlice(v)
				}
			})
		case nl.CTA_TUPLE_PROTO:
			shorter = eachAttribute(v, func(kind uint16, v []byte) {
				switch kind {
				case nl.CTA_PROTO_NUM:
					d.protocol = state.Protocol(in.uint8(v))
				case nl.CTA_PROTO_SRC_PORT:
					fromPort = in.port(v)
				case nl.CTA_PROTO_DST_PORT:
					toPort = in.port(v)
				}
			})
		}
	})
	if err != nil || short != nil || shorter != nil || in.bad || !from.IsValid() || !to.IsValid() {
		return direction{}, errShort
	}
	d.from, d.to = netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort)
	return d, nil
}

// deletion is a request to delete this entry. The header says of which family it
// is.
func (f flow) deletion(header []byte) request {
	body := attribute(slices.Clone(header), unix.NLA_F_NESTED|nl.CTA_TUPLE_ORIG, f.tuple)
	if f.zone != nil {
		body = attribute(body, nl.CTA_ZONE, f.zone)
	}
	return request{kind: unix.NFNL_SUBSYS_CTNETLINK<<8 | nl.IPCTNL_MSG_CT_DELETE, body: body}
}
