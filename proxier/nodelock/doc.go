// Package nodelock lets one daemon at a time serve a network namespace. A second
// one, as there is during an upgrade, waits for the end of the first and learns
// whom it waits for.
//
// The lock is an abstract unix socket: it lives in the network namespace, which
// is what may only be served once, needs no directory of the host, and ends
// with the process that holds it, however that ends.
//
// Nothing here may know what the lock is for.
package nodelock
