// Package xt keeps the packet program and its sets in the kernel by iptables and
// IP sets. It is the only room that knows how rules are kept: package kernel sees
// it as Rules, package found uses it to read and remove what others have left in
// the same places.
//
// What the program says, and who is in a set, is decided elsewhere. Chains and
// jumps that bear our prefix are ours, and nothing else is ever changed. Rules are
// read by one iptables-save and changed by one iptables-restore for each family.
package xt
