package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/proxier/rules"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// listed is a service of a listing. Ours is false without our flag. A service
// of a packet mark has no address and is not ours, but that for answers.
type listed struct {
	vs      state.VirtualServer
	how     state.Balancing
	ours    bool
	answers ipset.Family // of the one that ensureAnswers makes; else zero
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
	var in values
	var family, port uint16
	var addr []byte
	var flags, timeout, mark uint32
	err = eachOf(body, attrService, func(kind uint16, v []byte) {
		switch kind {
		case svcFamily:
			family = in.uint16(v)
		case svcProtocol:
			s.vs.Protocol = state.Protocol(in.uint16(v))
		case svcAddr:
			addr = v
		case svcPort:
			port = in.port(v)
		case svcMark:
			mark = in.uint32(v)
		case svcScheduler:
			s.how.Scheduler = n.of(v)
		case svcFlags:
			flags = in.uint32(v[:min(len(v), 4)]) // what follows is a mask
		case svcTimeout:
			timeout = in.uint32(v)
		}
	})
	if err != nil || in.bad {
		return listed{}, errShort
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
	var in values
	var port uint16
	var addr []byte
	var weight, forward uint32
	family := addressFamily(vs.Addr.Addr())
	err = eachOf(body, attrDest, func(kind uint16, v []byte) {
		switch kind {
		case destAddr:
			addr = v
		case destPort:
			port = in.port(v)
		case destForward:
			forward = in.uint32(v)
		case destWeight:
			weight = in.uint32(v)
		case destFamily:
			family = in.uint16(v)
		}
	})
	if err != nil || in.bad {
		return rs, 0, errShort
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
func eachOf(body []byte, kind uint16, take func(kind uint16, value []byte)) error {
	if len(body) < unix.GENL_HDRLEN {
		return errShort
	}
	found, short := false, error(nil)
	err := eachAttribute(body[unix.GENL_HDRLEN:], func(k uint16, v []byte) {
		if k == kind {
			found, short = true, eachAttribute(v, take)
		}
	})
	if err != nil || !found {
		return errShort
	}
	return short
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

// values reads attributes. Bad says that one did not have its length.
type values struct{ bad bool }

func (in *values) uint8(v []byte) uint8 {
	if len(v) != 1 {
		in.bad = true
		return 0
	}
	return v[0]
}

func (in *values) uint16(v []byte) uint16 {
	if len(v) != 2 {
		in.bad = true
		return 0
	}
	return binary.NativeEndian.Uint16(v)
}

func (in *values) uint32(v []byte) uint32 {
	if len(v) != 4 {
		in.bad = true
		return 0
	}
	return binary.NativeEndian.Uint32(v)
}

func (in *values) port(v []byte) uint16 {
	if len(v) != 2 {
		in.bad = true
		return 0
	}
	return binary.BigEndian.Uint16(v)
}
