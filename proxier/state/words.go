package state

import (
	"cmp"
	"fmt"
	"strings"
)

// Protocol is an IANA protocol number.
type Protocol uint8

// The protocols that IPVS balances.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String is the protocol's name in Kubernetes' spelling.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// SchedulerFlags are the three bits that the kernel leaves to schedulers.
// The third, 0x20, is not among them: no scheduler uses it, and it marks the
// virtual servers that are ours.
type SchedulerFlags uint32

// The flags that schedulers of Linux 6.1 know.
const (
	Fallback SchedulerFlags = 0x08 // sh, mh: try another real server when the chosen one has weight 0
	HashPort SchedulerFlags = 0x10 // sh, mh: the client's port goes into the hash
)

// String names the flags, or is empty.
func (f SchedulerFlags) String() string {
	var words []string
	if f&Fallback != 0 {
		words = append(words, "fallback")
	}
	if f&HashPort != 0 {
		words = append(words, "port")
	}
	if rest := f &^ (Fallback | HashPort); rest != 0 {
		words = append(words, fmt.Sprintf("%#x", uint32(rest)))
	}
	return strings.Join(words, ",")
}

// String is "10.96.0.1:80/TCP".
func (v VirtualServer) String() string { return fmt.Sprintf("%s/%s", v.Addr, v.Protocol) }

// Compare orders by address, port and protocol.
func (v VirtualServer) Compare(o VirtualServer) int {
	return cmp.Or(v.Addr.Compare(o.Addr), cmp.Compare(v.Protocol, o.Protocol))
}

// String is "rr", "mh fallback,port" or "rr affinity 3h0m0s".
func (b Balancing) String() string {
	s := b.Scheduler
	if flags := b.Flags.String(); flags != "" {
		s += " " + flags
	}
	if b.Affinity != 0 {
		s += " affinity " + b.Affinity.String()
	}
	return s
}

// String is "10.96.0.1:80/TCP -> 10.1.2.3:8080".
func (r RealServer) String() string { return fmt.Sprintf("%s -> %s", r.VirtualServer, r.Addr) }

// Compare orders by virtual server, address and port.
func (r RealServer) Compare(o RealServer) int {
	return cmp.Or(r.VirtualServer.Compare(o.VirtualServer), r.Addr.Compare(o.Addr))
}

// String is "weight 1".
func (w Weight) String() string { return fmt.Sprintf("weight %d", int(w)) }

// String is "KIPVS-SERVICES 10.96.0.1,tcp:80".
func (m Member) String() string { return m.SetName() + " " + m.Entry.String() }

// SetName is the kernel's name of the set, for example KIPVS-SERVICES.
func (m Member) SetName() string { return m.Set.Name(m.Entry.Family()) }

// Concerns tells whether the entry is the address of a virtual server, or begins
// with its address, protocol and port.
func (m Member) Concerns(vs VirtualServer) bool {
	if m.Entry.Port() == 0 && m.Entry.Protocol() == 0 {
		return m.Entry.String() == vs.Addr.Addr().String()
	}
	return m.Entry.Addr() == vs.Addr.Addr() && m.Entry.Port() == vs.Addr.Port() && m.Entry.Protocol() == uint8(vs.Protocol)
}

// Compare orders by family, set and entry, but Addresses stands behind all other
// sets of both families.
func (m Member) Compare(o Member) int {
	last := func(m Member) int {
		if m.Set == Addresses {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(last(m), last(o)),
		cmp.Compare(m.Entry.Family(), o.Entry.Family()),
		cmp.Compare(m.Set, o.Set),
		m.Entry.Compare(o.Entry),
	)
}
