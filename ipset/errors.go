package ipset

import "errors"

// The refusals that a caller can do something about. Every other error says
// what the kernel said.
var (
	// ErrNotExist: no set has this name.
	ErrNotExist = errors.New("set does not exist")
	// ErrBusy: a rule or another set refers to the set, or it is being listed.
	ErrBusy = errors.New("set is in use")
	// ErrFull: the set holds as many members as it may. A bigger one under
	// another name can be filled and swapped in.
	ErrFull = errors.New("set is full")
	// ErrMismatch: type, family, size or an option is not what was asked for.
	// Sets that differ in size alone can be swapped.
	ErrMismatch = errors.New("set differs")
	// ErrInvalid: no set can hold such an entry.
	ErrInvalid = errors.New("invalid entry")
)
