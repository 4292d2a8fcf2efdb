package ipvs

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// listed is a service of a listing. Ours is false without our flag. A service
// of a packet mark has no address and is not ours, but that for answers.
type listed struct {
	vs      state.VirtualServer
	how     state.Balancing
	ours    bool
	answers ipset.Family // of the one that EnsureAnswers makes; else zero
}

// names keeps one copy of each scheduler's name.
type names map[string]string

func (n names) of(text []byte) string {
	text, _, _ = bytes.Cut(text, []byte{0})
	name, known := n[string(text)]
	if !known {
		name = string(text)
		n[name] = name
	}
	return name
}

// readService reads the body of one message. Statistics, half of it, are passed
// over.
func (n names) readService(body []byte) (s listed, err error) {
	var in wire.Values
	var family, port uint16
	var addr []byte
	var flags, timeout, mark uint32
	err = eachOf(body, attrService, func(kind uint16, v []byte) error {
		switch kind {
		case svcFamily:
			family = in.Uint16(v)
		case svcProtocol:
			s.vs.Protocol = state.Protocol(in.Uint16(v))
		case svcAddr:
			addr = v
		case svcPort:
			port = in.Port(v)
		case svcMark:
			mark = in.Uint32(v)
		case svcScheduler:
			s.how.Scheduler = n.of(v)
		case svcFlags:
			flags = in.Uint32(v[:min(len(v), 4)]) // what follows is a mask
		case svcTimeout:
			timeout = in.Uint32(v)
		}
		return nil
	})
	if err != nil || in.Bad {
		return listed{}, wire.ErrMalformed
	}
	if mark != 0 {
		if mark == rules.AnswersMark && flags&flagOurs != 0 {
			s.answers = map[uint16]ipset.Family{unix.AF_INET: ipset.IPv4, unix.AF_INET6: ipset.IPv6}[family]
		}
		return listed{answers: s.answers}, nil
	}
	at, ok := readAddr(addr, family)
	s.ours = flags&flagOurs != 0
	if !ok && !s.ours {
		return listed{}, nil
	}
	if !ok {
		return listed{}, fmt.Errorf("a virtual server of address family %d has the address %x", family, addr)
	}
	s.vs.Addr = netip.AddrPortFrom(at, port)
	s.how.Flags = state.SchedulerFlags(flags & schedulerFlags)
	if flags&flagPersistent != 0 {
		s.how.Affinity = time.Duration(timeout) * time.Second
	}
	return s, nil
}

// otherwise is the weight of a real server that gets its packets in another
// way than we make it, which no plan asks for.
const otherwise state.Weight = -1

// readDestination reads the body of one message about a real server of vs.
func readDestination(vs state.VirtualServer, body []byte) (rs state.RealServer, w state.Weight, err error) {
	var in wire.Values
	var port uint16
	var addr []byte
	var weight, forward uint32
	family := wire.AddressFamily(vs.Addr.Addr())
	err = eachOf(body, attrDest, func(kind uint16, v []byte) error {
		switch kind {
		case destAddr:
			addr = v
		case destPort:
			port = in.Port(v)
		case destForward:
			forward = in.Uint32(v)
		case destWeight:
			weight = in.Uint32(v)
		case destFamily:
			family = in.Uint16(v)
		}
		return nil
	})
	if err != nil || in.Bad {
		return rs, 0, wire.ErrMalformed
	}
	at, ok := readAddr(addr, family)
	if !ok {
		return rs, 0, fmt.Errorf("a real server of address family %d has the address %x", family, addr)
	}
	if w = state.Weight(weight); forward != forwardNAT {
		w = otherwise
	}
	return state.RealServer{VirtualServer: vs, Addr: netip.AddrPortFrom(at, port)}, w, nil
}

// eachOf hands out the attributes within the one of this kind, behind the
// header of generic netlink.
func eachOf(body []byte, kind uint16, take func(kind uint16, value []byte) error) error {
	if len(body) < unix.GENL_HDRLEN {
		return wire.ErrMalformed
	}
	found := false
	err := wire.EachAttribute(body[unix.GENL_HDRLEN:], func(k uint16, v []byte) error {
		if k != kind {
			return nil
		}
		found = true
		return wire.EachAttribute(v, take)
	})
	if err == nil && !found {
		err = wire.ErrMalformed
	}
	return err
}

// readAddr reads the kernel's union nf_inet_addr.
func readAddr(b []byte, family uint16) (netip.Addr, bool) {
	if len(b) != 16 {
		return netip.Addr{}, false
	}
	switch family {
	case unix.AF_INET:
		return netip.AddrFrom4([4]byte(b)), true
	case unix.AF_INET6:
		return netip.AddrFrom16([16]byte(b)), true
	}
	return netip.Addr{}, false
}
