package reconcile

import (
	"context"
	"errors"
)

// Kind is one sort of object outside this program: how to read it and how to
// change it.
type Kind[K, V comparable] interface {
	// List answers with every row of this kind that is ours, or with an
	// error: never with a part.
	List(ctx context.Context) (map[K]V, error)

	// Apply carries out ops in order and answers each with nil or an error.
	// Ops are idempotent: Create and Update both end with the key holding the
	// value, whatever was there before; deleting what is gone succeeds.
	Apply(ctx context.Context, ops []Op[K, V]) []error
}

// ErrRefused is in what a Kind answers to an op where the outside will not have
// this row, whatever becomes of all others. Any other error is a failure of the
// call.
var ErrRefused = errors.New("refused")

// Refused makes an ErrRefused of a reason, and says no more than that does.
func Refused(why error) error { return refused{why} }

type refused struct{ error }

func (r refused) Is(target error) bool { return target == ErrRefused }

func (r refused) Unwrap() error { return r.error }

// Looker is a Kind that can be asked for some rows without a listing of all.
type Looker[K, V comparable] interface {
	Kind[K, V]

	// Look answers with those of these rows that are there, or with an error.
	// It may answer with rows beside them.
	Look(ctx context.Context, keys []K) (map[K]V, error)
}

// Op asks for one row to be made, changed or removed.
type Op[K, V comparable] struct {
	Verb  Verb
	Key   K
	Value V // unused by Delete
}

// Verb is what an Op does.
type Verb uint8

// The three verbs. Create and Update differ only in what the caller believes
// is there.
const (
	Create Verb = iota + 1
	Update
	Delete

	verbs // one more than the last
)

// String is the verb in lower case.
func (v Verb) String() string {
	switch v {
	case Create:
		return "create"
	case Update:
		return "update"
	case Delete:
		return "delete"
	}
	return "no verb"
}
