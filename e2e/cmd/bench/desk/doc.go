// Package desk is where the two halves of the benchmark meet: the outer one
// writes to the API at the machine's own speed, the inner one measures on the
// kernel under test, as a rule in an emulated machine. The inner one calls, by
// net/rpc.
//
// What must never be in it: objects of the API, or anything measured.
package desk
