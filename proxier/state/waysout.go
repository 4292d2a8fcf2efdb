package state

import "net/netip"

// WaysOut are the hosts through which this machine reaches all others: without
// them it is cut off, or knows no names.
type WaysOut struct {
	Gateways  []netip.Addr // of default routes
	Resolvers []netip.Addr // of names
}
