//go:build linux

package lab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The net package does not know SCTP, but it takes over any stream socket from
// a file: the connections below say "tcp" of themselves and are SCTP
// associations, one message to a Write.

// hasSCTP asks for a socket, which makes the kernel load the module.
func hasSCTP() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

func socketSCTP(a netip.AddrPort) (*os.File, unix.Sockaddr, error) {
	family, addr := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()})
	if a.Addr().Is4() {
		family, addr = unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_SCTP)
	if err != nil {
		return nil, nil, os.NewSyscallError("socket", err)
	}
	return os.NewFile(uintptr(fd), "sctp "+a.String()), addr, nil
}

func listenSCTP(at netip.AddrPort) (net.Listener, error) {
	f, addr, err := socketSCTP(at)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = control(f, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		if err := unix.Bind(fd, addr); err != nil {
			return os.NewSyscallError("bind", err)
		}
		return os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	})
	if err != nil {
		return nil, err
	}
	return net.FileListener(f)
}

func dialSCTP(to netip.AddrPort, deadline time.Time) (net.Conn, error) {
	f, addr, err := socketSCTP(to)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	err = control(f, func(fd int) error { return unix.Connect(fd, addr) })
	if errors.Is(err, unix.EINPROGRESS) {
		err = awaitSCTP(f, deadline)
	}
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}

// awaitSCTP returns when the association stands, or why it does not.
func awaitSCTP(f *os.File, deadline time.Time) error {
	if err := f.SetWriteDeadline(deadline); err != nil {
		return err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var verdict error
	err = raw.Write(func(fd uintptr) bool {
		errno, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil || errno != 0 {
			verdict = errors.Join(err, unix.Errno(errno))
			return true
		}
		// Woken without an error is not yet connected.
		_, err = unix.Getpeername(int(fd))
		return err == nil
	})
	return errors.Join(verdict, err)
}

func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}
