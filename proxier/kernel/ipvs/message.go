package ipvs

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/kernel/wire"
	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// Commands and attributes of the generic netlink family IPVS, from
// linux/ip_vs.h.
const (
	ipvsVersion = 1

	newService = 1
	setService = 2
	delService = 3
	getService = 4
	newDest    = 5
	setDest    = 6
	delDest    = 7
	getDest    = 8

	attrService = 1
	attrDest    = 2

	svcFamily    = 1
	svcProtocol  = 2
	svcAddr      = 3
	svcPort      = 4
	svcMark      = 5
	svcScheduler = 6
	svcFlags     = 7
	svcTimeout   = 8
	svcNetmask   = 9
	svcStats64   = 12 // since Linux 4.1

	destAddr    = 1
	destPort    = 2
	destForward = 3
	destWeight  = 4
	destUpper   = 5
	destLower   = 6

	statsConns    = 1
	statsInPkts   = 2
	statsOutPkts  = 3
	statsInBytes  = 4
	statsOutBytes = 5

	destActive   = 7
	destInactive = 8
	destFamily   = 11

	forwardNAT   = 0
	forwardLocal = 1 // to the node's own sockets, as it is
)

// Flags of a virtual server.
const (
	flagPersistent = 0x01
	// flagOurs (IP_VS_SVC_F_SCHED3, "flag-3" in ipvsadm) is used by no
	// scheduler. The kernel keeps it, so a virtual server that bears it is
	// ours, also after a restart and without a state file.
	flagOurs = 0x20

	schedulerFlags = uint32(state.Fallback | state.HashPort)
)

// command is a request to IPVS.
func command(cmd uint8, body []byte) wire.Request {
	return wire.Request{Body: append([]byte{cmd, ipvsVersion, 0, 0}, body...)}
}

// serviceKey names a virtual server, the part that every command needs.
func serviceKey(vs state.VirtualServer) []byte {
	var b []byte
	b = wire.Append16(b, svcFamily, wire.AddressFamily(vs.Addr.Addr()))
	b = wire.Append16(b, svcProtocol, uint16(vs.Protocol))
	b = wire.Append(b, svcAddr, wideAddr(vs.Addr.Addr())...)
	return wire.Append(b, svcPort, wire.Port(vs.Addr.Port())...)
}

// service is a whole virtual server, with our flag on it.
func service(vs state.VirtualServer, how state.Balancing) []byte {
	flags, netmask := uint32(how.Flags)|flagOurs, uint32(0xffffffff)
	if how.Affinity > 0 {
		flags |= flagPersistent
	}
	if vs.Addr.Addr().Is6() {
		netmask = 128
	}
	b := serviceKey(vs)
	b = wire.Append(b, svcScheduler, append([]byte(how.Scheduler), 0)...)
	b = wire.Append(b, svcFlags, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, flags), 0xffffffff)...)
	b = wire.Append32(b, svcTimeout, uint32(how.Affinity/time.Second))
	return wire.Append32(b, svcNetmask, netmask)
}

// markKey names the virtual server of a packet mark.
func markKey(family uint16, mark uint32) []byte {
	return wire.Append32(wire.Append16(nil, svcFamily, family), svcMark, mark)
}

// markService is a whole one, with our flag on it.
func markService(family uint16, mark uint32, scheduler string) []byte {
	netmask := uint32(0xffffffff)
	if family == unix.AF_INET6 {
		netmask = 128
	}
	b := wire.Append(markKey(family, mark), svcScheduler, append([]byte(scheduler), 0)...)
	b = wire.Append(b, svcFlags, flagOurs, 0, 0, 0, 0xff, 0xff, 0xff, 0xff)
	return wire.Append32(wire.Append32(b, svcTimeout, 0), svcNetmask, netmask)
}

// destination is a whole real server.
func destination(addr netip.AddrPort, forward uint32, weight state.Weight) []byte {
	b := wire.Append(nil, destAddr, wideAddr(addr.Addr())...)
	b = wire.Append(b, destPort, wire.Port(addr.Port())...)
	b = wire.Append32(b, destForward, forward)
	b = wire.Append32(b, destWeight, uint32(weight))
	b = wire.Append32(b, destUpper, 0)
	return wire.Append32(b, destLower, 0)
}

// wideAddr is the kernel's union nf_inet_addr: 16 bytes for both families.
func wideAddr(a netip.Addr) []byte { return append(a.AsSlice(), make([]byte, 16-a.BitLen()/8)...) }
