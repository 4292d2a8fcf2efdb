// Package peercred asks the kernel who is at the other end of a unix socket. An
// abstract one has no file mode, so this is all that keeps others out.
package peercred
