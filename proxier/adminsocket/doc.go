// Package adminsocket is the way into a running daemon for those who look: a
// read-only question and a snapshot as its answer, as JSON over HTTP on an
// abstract unix socket.
//
// An abstract socket has no path: it lives in the network namespace, so that
// there is one to a node that is served, a container needs no directory from
// the host, and nothing is left over after a crash. It has no file mode
// either; so the kernel is asked who is at the other end, and only root, or
// the user that the daemon runs as, is answered.
//
// Nothing here may change anything, or know how a snapshot is taken.
package adminsocket
