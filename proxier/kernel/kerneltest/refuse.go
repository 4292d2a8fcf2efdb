package kerneltest

import "net/netip"

// Refuse makes the machine refuse real servers with this address, or take them
// again.
func (k *Kernel) Refuse(addr netip.Addr, refuse bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refusing[addr] = refuse
}

// noHost tells whether traffic to a cannot be meant for one host: no kernel has it
// as a real server.
func noHost(a netip.Addr) bool {
	return a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
