// Measure is the inner half of the benchmark: it asks the outer half what to
// measure (e2e/cmd/bench/desk), builds the lab, runs one proxy on its node, and
// times real connections of a Pod of that node through Service addresses.
//
// Everything that is timed goes by this machine's clock. Looking on costs the
// same whichever proxy is looked at, and is done the less often the longer
// something takes: a fiftieth of the time is the precision.
//
// What must never be in it: writing to the API, judging, and anything that one
// proxy gets and another does not, but for its command line.
package main
