package state

import "net/netip"

// Changed says where the machine may have changed, as far as the kernel tells
// by itself.
type Changed struct {
	NodeAddresses bool                // of other interfaces than our device
	Device        bool                // ours has come, gone or been renamed, or events were lost
	Addresses     map[netip.Addr]bool // of our device: whether it is there now
	Rules         bool                // ours, or the built-in chains that lead to them
}

// Mended counts what Prepare has put right of what never varies, by the keys below.
// What was as it has to be is left out.
type Mended map[string]int

// The keys of Mended, which are also values of labels of metrics.
const (
	MendedDevice = "device"         // made, kube-ipvs0
	MendedRoute  = "route"          // replaced, to an address on it
	MendedServer = "virtual server" // made, that of answers
	MendedSet    = "set"            // made, or made anew
	MendedRule   = "rule"           // chains and jumps written or removed
)
