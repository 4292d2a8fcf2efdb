package ipset

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Codes of the hash types, from ip_set_hash.h of the kernel.
const (
	codeFull        = nl.IPSET_ERR_TYPE_SPECIFIC + iota // IPSET_ERR_HASH_FULL
	codeNullElement                                     // IPSET_ERR_HASH_ELEM
	codeNoProtocol                                      // IPSET_ERR_INVALID_PROTO
)

// refusal is the kernel's no to a request that it has understood.
type refusal struct {
	code unix.Errno
	line int // of the entry that was refused; zero: no entry in particular
}

func (r *refusal) Error() string { return r.Unwrap().Error() }

// Unwrap is the one place where the kernel's codes become errors of ours.
func (r *refusal) Unwrap() error {
	switch r.code {
	case unix.ENOENT, nl.IPSET_ERR_EXIST_SETNAME2: // the latter: the second set of a swap
		return ErrNotExist
	case unix.EBUSY, nl.IPSET_ERR_BUSY, nl.IPSET_ERR_REFERENCED:
		return ErrBusy
	case unix.EEXIST, nl.IPSET_ERR_TYPE_MISMATCH:
		return ErrMismatch
	case codeFull:
		return ErrFull
	case codeNullElement, codeNoProtocol, nl.IPSET_ERR_INVALID_CIDR:
		return ErrInvalid
	}
	if r.code >= nl.IPSET_ERR_PRIVATE {
		return fmt.Errorf("%w (ipset error %d)", nl.IPSetError(r.code), int(r.code))
	}
	return r.code
}
