package state

import "errors"

// What a kernel may say of a row that it refuses. Any other error is a failure
// of the call, and the same row may succeed the next time.
var (
	// ErrNoVirtualServer refuses a real server without its virtual server.
	ErrNoVirtualServer = errors.New("its virtual server does not exist")
	// ErrNoScheduler refuses a virtual server: the kernel has no such
	// scheduler, built in or as a module.
	ErrNoScheduler = errors.New("the kernel has no such scheduler")
)
