package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What callers above may ask about an error.
var (
	// ErrNoAnswer says that the kernel did not answer in time: the call may
	// have been carried out or not.
	ErrNoAnswer = errors.New("no answer from the kernel")
	// ErrPermission says that a capability is missing.
	ErrPermission = errors.New("not permitted: CAP_NET_ADMIN is needed")
)

// translate turns an errno of netlink into words; known gives those that mean
// something special to the caller.
func translate(err error, known map[unix.Errno]error) error {
	var errno unix.Errno
	if err == nil || !errors.As(err, &errno) {
		return err
	}
	if meaning, ok := known[errno]; ok {
		return meaning
	}
	switch errno {
	case unix.EPERM, unix.EACCES:
		return ErrPermission
	default:
		return fmt.Errorf("the kernel says %w", errno)
	}
}
