// Package state names everything that kube-ipvs puts into the kernel.
//
// Each kind of object is a row: a comparable key and a comparable value, where
// == means that the kernel would call them the same. What is wanted and what
// is held are values of these same types, so that comparing is all it takes to
// know what to do. Values only: nothing here reads, writes or decides.
package state
