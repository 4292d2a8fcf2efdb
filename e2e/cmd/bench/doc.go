// Bench measures kube-ipvs beside kube-proxy in ipvs and nftables mode, and
// the floor below all of them, and writes docs/bench and the README's table.
//
//	controlplane -- bench [-cells WORDS] [-quick] -out docs/bench
//
// It is the outer half: for each cell, which is a proxy and a size, it makes the
// API hold a crowd of that size (e2e/cmd/bench/crowd) and starts the inner half
// (e2e/cmd/bench/measure) on a kernel of its own (e2e/cmd/vm), which calls back for
// every write to the API (e2e/cmd/bench/desk). What it has measured is in
// results.json after each step: a later invocation goes on from there.
//
// What must never be in it: clocks that measure a proxy. Those are inside.
package main
