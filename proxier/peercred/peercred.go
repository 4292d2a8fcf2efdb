package peercred

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Peer is who is at the other end of a unix socket. It works at both ends: of
// a listener the kernel knows which process began to listen.
type Peer struct {
	User uint32
	PID  int // zero: it is in a PID namespace that cannot be seen from here
}

// Of asks the kernel.
func Of(conn net.Conn) (p Peer, err error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return p, errors.New("ask who is at the other end: not a unix socket")
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return p, fmt.Errorf("ask who is at the other end: %w", err)
	}
	var user *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		user, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return p, fmt.Errorf("ask who is at the other end: %w", err)
	}
	return Peer{User: user.Uid, PID: int(user.Pid)}, nil
}

// String names it as precisely as the kernel does.
func (p Peer) String() string {
	if p.PID == 0 {
		return fmt.Sprintf("a process of user %d in a PID namespace that cannot be seen from here", p.User)
	}
	return fmt.Sprintf("process %d of user %d", p.PID, p.User)
}

// Admitted tells whether it is root, or the user that we run as.
func (p Peer) Admitted() bool { return p.admitted(os.Geteuid()) }

func (p Peer) admitted(own int) bool { return p.User == 0 || int(p.User) == own }

// MayServe tells whether it has CAP_NET_ADMIN, or as little as we have: a process
// without it, root's or not, can serve nothing. Where that cannot be seen, as from
// one container to another, it is not known.
func (p Peer) MayServe() (yes, known bool) { return p.mayServe("/proc") }

// Refuse says why it cannot be a daemon that serves, as far as that is known.
func (p Peer) Refuse() error {
	if !p.Admitted() {
		return fmt.Errorf("%s is neither root nor our own user", p)
	}
	if yes, known := p.MayServe(); known && !yes {
		return fmt.Errorf("%s has no CAP_NET_ADMIN, without which it cannot serve", p)
	}
	return nil
}

func (p Peer) mayServe(proc string) (yes, known bool) {
	own, err := netAdmin(filepath.Join(proc, "self"))
	if err != nil || !own {
		return err == nil, err == nil
	}
	if p.PID == 0 {
		return false, false
	}
	its := filepath.Join(proc, strconv.Itoa(p.PID))
	if yes, err = netAdmin(its); err != nil || !yes {
		return false, err == nil
	}
	// In a user namespace of its own everybody has all capabilities, over nothing
	// of ours.
	here, err := os.Readlink(filepath.Join(proc, "self/ns/user"))
	there, failed := os.Readlink(filepath.Join(its, "ns/user"))
	return here == there, err == nil && failed == nil
}

// netAdmin reads whether a process has CAP_NET_ADMIN.
func netAdmin(process string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(process, "status"))
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		if mask, found := strings.CutPrefix(line, "CapEff:"); found {
			bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return bits&(1<<unix.CAP_NET_ADMIN) != 0, err
		}
	}
	return false, fmt.Errorf("%s/status has no CapEff", process)
}
