// Package nft keeps the packet program of package rules and its sets in nftables:
// in tables of our own, kube-ipvs of the families ip and ip6. It speaks netlink
// and starts no program. Each change is one transaction, so no packet meets half
// of one.
//
// What iptables cannot be told apart by is different here. A verdict of a chain
// holds for that chain's place alone: to accept a packet does not keep a later
// chain, of iptables or of another table, from dropping it. In the nat table
// "accept" is a translation to the address that the packet has already, which
// ends the search for one.
//
// The package knows no Service and no virtual server, and what stands in other
// tables it does not touch.
package nft
