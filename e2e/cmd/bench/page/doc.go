// Package page writes what was measured for people: the page of docs/bench
// with its charts, and the part of the README that comes from it.
//
// What must never be in it: a figure that is not in the run.
package page
