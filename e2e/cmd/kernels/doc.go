// Command kernels writes the table of docs/kernels.md: which packet tests pass on which kernel, with which backend of
// iptables.
//
//	kernels -tests BACKEND        the tests, as a regexp for e2e/cmd/report
//	kernels -page PAGE REPORT...  the table, from what e2e/cmd/report said; each file is named KERNEL-BACKEND.txt
//
// The tests are in tests.txt. What is known to fail, and why, is in reasons.txt; a test that fails without a reason, one
// that was not run, and a reason that is needed no more are errors, after the page is written.
//
// It starts no test and no machine: `make kernels` does.
package main
