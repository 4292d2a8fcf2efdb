// Package rules is the packet program: which chains stand at which hooks of
// netfilter, and what their rules match and do. It is the same for no Service
// and for ten thousand: all that differs between them is in sets.
//
// For makes the program of one family as a value of a small, closed vocabulary.
// Two things are done with it: Text prints a rule for iptables, and Walk follows
// one packet through all of them. Pure: nothing here reads or writes the kernel.
package rules
