// Package background does work beside the loop: what starts programs, which may take
// long and may hang.
//
// One piece of work is done at a time, in the order in which it was asked for. What
// follows from it is done by the loop, between two passes, so that the loop stays the
// only owner of its state: work itself must never touch any of that.
package background
