// Package drain decides how long a real server that no Service wants any more stays
// at weight 0 for the sake of the connections that it has.
//
// It is asked once a pass, after all Services have made their claims, and
// answers with rows that are claimed like any other: the kernel is changed in
// one place only. What it knows it has from what the kernel holds and what the
// Services say, so that nothing has to be kept over a restart.
//
// Pure: no clock, no log, no I/O. Which endpoints are wanted is decided
// elsewhere.
package drain
