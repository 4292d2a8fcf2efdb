//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Virtual tells whether this machine is one that was made for the tests: the
// services of its host are not on its own loopback.
func Virtual() bool {
	addr, err := netip.ParseAddr(os.Getenv("E2E_HOST"))
	return err == nil && !addr.IsLoopback()
}

// KernelRelease is that of the running kernel: "6.1.0-41-amd64".
func KernelRelease() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

// MoveClock sets this machine's clock forward, or back.
func MoveClock(by time.Duration) error {
	now := unix.NsecToTimeval(time.Now().Add(by).UnixNano())
	if err := unix.Settimeofday(&now); err != nil {
		return fmt.Errorf("move the clock by %s: %w", by, err)
	}
	return nil
}
