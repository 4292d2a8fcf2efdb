package peer

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Admitted tells whether root, or the user that we run as, is at the other end.
// It works at both ends: of whoever listens the kernel knows who began to.
func Admitted(conn net.Conn) bool {
	uid, known := userOf(conn)
	return known && admits(uid, os.Geteuid())
}

func admits(uid uint32, own int) bool { return uid == 0 || int(uid) == own }

func userOf(conn net.Conn) (uid uint32, known bool) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return 0, false
	}
	var user *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		user, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return 0, false
	}
	return user.Uid, true
}
