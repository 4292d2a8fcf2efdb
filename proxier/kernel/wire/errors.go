package wire

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/kube-ipvs/kube-ipvs/proxier/reconcile"
)

// What callers may ask about an error.
var (
	// ErrNoAnswer says that the kernel did not answer in time, or that its answer
	// is lost: the request may have been carried out or not.
	ErrNoAnswer = errors.New("no answer from the kernel")
	// ErrMalformed says that an answer cannot be understood, so that nothing in it
	// can be trusted.
	ErrMalformed = errors.New("malformed answer")
	// ErrInterrupted says that what was listed has changed on the way.
	ErrInterrupted = errors.New("a change has interrupted the listing")
	// ErrPermission says that a capability is missing.
	ErrPermission = errors.New("not permitted: CAP_NET_ADMIN is needed")
)

// Refusal is the kernel's no to a request that it has understood.
type Refusal struct {
	Errno unix.Errno
	// Request is what the kernel sends back of it, behind the message's header;
	// nothing without EchoRequests. It lies in a buffer and is gone with the next
	// call.
	Request []byte
}

func (r *Refusal) Error() string { return r.Errno.Error() }

// Unwrap is the errno.
func (r *Refusal) Unwrap() error { return r.Errno }

// Translate turns an errno of netlink into words; known gives those that mean
// something special to the caller.
func Translate(err error, known map[unix.Errno]error) error {
	var errno unix.Errno
	if err == nil || errors.Is(err, ErrNoAnswer) || !errors.As(err, &errno) {
		return err
	}
	if meaning, ok := known[errno]; ok {
		return meaning
	}
	switch errno {
	case unix.EPERM, unix.EACCES:
		return ErrPermission
	default:
		return fmt.Errorf("kernel: %w", errno)
	}
}

// general are the answers that are no word about the row in question: the next
// one would get them too.
var general = map[unix.Errno]bool{
	unix.EPERM: true, unix.EACCES: true, unix.ENOMEM: true, unix.ENOBUFS: true, unix.ENODEV: true, unix.EBUSY: true,
	unix.EAGAIN: true, unix.EINTR: true,
}

// Verdict is Translate of the answer to an op on one row: what is an answer, and
// no general one, refuses the row.
func Verdict(err error, known map[unix.Errno]error) error {
	said := Translate(err, known)
	var errno unix.Errno
	if said == nil || errors.Is(err, ErrNoAnswer) || !errors.As(err, &errno) || general[errno] {
		return said
	}
	return reconcile.Refused(said)
}
