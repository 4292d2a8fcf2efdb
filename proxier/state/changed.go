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
