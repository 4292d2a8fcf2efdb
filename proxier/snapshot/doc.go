// Package snapshot holds two views of one moment: what a running daemon says
// of itself (Daemon), and what root sees on this machine
// (Machine). Verbs that look put the two side by side.
//
// Values only: nothing here reads, asks or decides. A Daemon travels as JSON
// between two processes, which may be of different releases: fields are added
// and never change their meaning.
package snapshot
