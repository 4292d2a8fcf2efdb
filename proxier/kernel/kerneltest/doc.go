// Package kerneltest holds a kernel in memory, as strict as the real one, and
// the contract that both have to keep.
//
// The kernel in memory serves tests only. It refuses what Linux refuses, adds
// nothing of its own, counts and fails calls on demand, and prints itself one
// row a line.
package kerneltest
