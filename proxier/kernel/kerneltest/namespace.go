//go:build e2e

package kerneltest

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// FreshNamespace gives the rest of the test a network namespace of its own,
// with loopback up: without it IPVS refuses real servers. It takes root.
func FreshNamespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	if err := bringUp("lo"); err != nil {
		t.Fatalf("bring up lo: %v", err)
	}
}

func bringUp(device string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// Output is what a command says; one that fails ends the test.
func Output(t testing.TB, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
	return string(out)
}
