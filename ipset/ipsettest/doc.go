// Package ipsettest has the verbs of ipset.Client on sets in memory, and the
// contract that both must keep.
//
// Fake refuses what the kernel refuses, can be told to fail, counts calls and
// prints itself. What the kernel does by accident, such as the order of a
// listing, is left to chance here as well.
package ipsettest
