// Package testlog reads what tests have said: the lines of go test -v, the
// events of go test -json, the closing list of e2e/cmd/report, which it also
// writes, and the rows that a test has logged for a page of docs.
//
// What must never be in it: which tests there are, or what they ought to say.
package testlog
