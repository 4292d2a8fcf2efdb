// Package explain says in words what snapshots show: a list of servers, a
// status on one screen, what differs, what is wrong with this machine, and why
// a Service works on this node or does not.
//
// Pure: two views go in, text comes out. What is wrong here is said, never put
// right, and a verdict names the one cause that a person can act on first.
package explain
