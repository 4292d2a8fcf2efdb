//go:build e2e

package ipset_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/ipset"
	"github.com/kube-ipvs/kube-ipvs/ipset/ipsettest"
)

func TestKernelContract(t *testing.T) {
	ipsettest.Contract(t, func(t *testing.T) (ipsettest.Subject, func(string)) {
		c := openNew(t)
		return c, func(set string) {
			program(t, "create", "HOLDER", "list:set")
			program(t, "add", "HOLDER", set)
		}
	})
}

// openNew moves the test into a network namespace of its own. The goroutine
// stays locked to its thread, so that the thread ends with the test.
func openNew(tb testing.TB) *ipset.Client {
	tb.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("new network namespace (this test needs root): %v", err)
	}
	c, err := ipset.Open()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}
