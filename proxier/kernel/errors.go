package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
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

// refused is the kernel's no to one row, and a reconcile.ErrRefused.
type refused struct{ error }

func (r refused) Is(target error) bool { return target == reconcile.ErrRefused }

func (r refused) Unwrap() error { return r.error }

// general are the answers that are no word about the row in question: the next
// one would get them too.
var general = map[unix.Errno]bool{
	unix.EPERM: true, unix.EACCES: true, unix.ENOMEM: true, unix.ENOBUFS: true, unix.ENODEV: true, unix.EBUSY: true,
	unix.EAGAIN: true, unix.EINTR: true,
}

// verdict is translate of the answer to an op on one row: what is an answer, and
// no general one, refuses the row.
func verdict(err error, known map[unix.Errno]error) error {
	said := translate(err, known)
	var errno unix.Errno
	if said == nil || !errors.As(err, &errno) || general[errno] {
		return said
	}
	return refused{said}
}
