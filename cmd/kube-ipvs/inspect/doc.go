// Package inspect has the verbs that show this node and change nothing: status,
// list, trace, diff and check. Each asks the daemon, if one runs here, reads the
// machine, and prints what package explain makes of both.
//
// Nothing is decided here, and nothing is written to the kernel.
package inspect
