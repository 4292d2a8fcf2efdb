// Package figures is what the benchmark has measured: one Cell for each proxy
// and size, and what can be said of its numbers.
//
// Seconds and milliseconds are plain numbers, so that the JSON can be read by
// anything. A pointer that is nil was not measured.
//
// What must never be in it: clocks, files, or the way to a figure.
package figures
