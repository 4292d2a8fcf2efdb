// Package ipset creates IP sets and adds, removes and lists their members
// through netlink, without the ipset program.
//
// entry.go holds values that build and compare anywhere; client.go talks to
// the kernel. What a set is for is not this package's business: it knows
// neither Services nor iptables.
package ipset
