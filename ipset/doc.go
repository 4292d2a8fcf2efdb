// Package ipset creates IP sets and adds, removes and lists their members
// through netlink, without the ipset program.
//
// Set and Entry are values that build and compare anywhere. Client, for Linux
// only, talks to the kernel, over package wire. Of what it was told it remembers
// only the types of sets, to check what is added to them; whatever is listed is
// the kernel's answer. The errors that a caller can do something about are in
// errors.go, all others are for reading only.
//
// What a set is for is not this package's business: it knows neither Services
// nor iptables. Package ipsettest has the same verbs in memory.
package ipset
