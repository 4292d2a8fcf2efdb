// Package xtables reads what iptables-save prints and writes what
// iptables-restore reads, as values: chains of tables, rules as text.
//
// It runs no program, knows no set or mark, and does not care whose a chain
// is. Both backends of iptables, legacy and nft, print and read the same.
package xtables
