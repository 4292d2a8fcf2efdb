// Package netfilter asks nfnetlink what there is of nftables, chains and jumps of
// iptables-nft among them, and of counters, without a program: their names, the
// number of the state that they are in, and which changes are of interest. It
// deletes whole tables and counters of others.
//
// It writes no rule and reads none: that is done by the rooms that keep rules.
package netfilter
