package schedulers

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/kube-ipvs/kube-ipvs/proxier/state"
)

// longestPause is the longest time between two tries of a scheduler that the kernel
// lacks: each has the kernel look for a module, while the loop waits.
const longestPause = 10 * time.Minute

// Kernel is asked.
type Kernel interface {
	// TryScheduler fails with state.ErrNoScheduler where there is none of this name.
	TryScheduler(ctx context.Context, name string) error
}

// Known are the schedulers that the kernel was asked for, as long as Services name
// them.
type Known struct {
	kernel  Kernel
	period  time.Duration // before the second try of what was not there
	fail    func(action string, err error)
	tried   map[string]*scheduler
	lacking map[string]bool
}

type scheduler struct {
	there bool          // the kernel is known to have it
	pause time.Duration // after the last try
	next  time.Time     // where it is not there: no try before
}

// New returns Known of a kernel that has not been asked. An answer that says nothing
// is told to fail.
func New(kernel Kernel, period time.Duration, fail func(action string, err error)) *Known {
	return &Known{kernel: kernel, period: period, fail: fail, tried: map[string]*scheduler{}, lacking: map[string]bool{}}
}

// Lacking are those that the kernel has denied. The map is never changed, but
// replaced: a caller may keep it.
func (k *Known) Lacking() map[string]bool { return k.lacking }

// Named has the kernel asked about a name that is new.
func (k *Known) Named(ctx context.Context, name string) {
	if k.tried[name] == nil {
		k.tried[name] = &scheduler{pause: k.period}
		k.try(ctx, name)
	}
}

// AskAgain asks for those that were not there, since they may have been installed,
// and tells whether any is there now that was lacking, or the reverse. What no Service
// names any more is forgotten, but not so early that naming it anew would have the
// kernel asked more often.
func (k *Known) AskAgain(ctx context.Context, named map[string]bool) (changed bool) {
	now := time.Now()
	for name, s := range k.tried {
		switch {
		case now.Before(s.next):
		case !named[name]:
			delete(k.tried, name)
			k.lacks(name, false)
		case !s.there:
			before := k.lacking[name]
			k.try(ctx, name)
			changed = changed || before != k.lacking[name]
		}
	}
	return changed
}

// try asks the kernel. Only what it denies is lacking.
func (k *Known) try(ctx context.Context, name string) {
	s := k.tried[name]
	err := k.kernel.TryScheduler(ctx, name)
	if s.there = err == nil; s.there {
		s.next = time.Time{}
	} else {
		s.next = time.Now().Add(s.pause)
		s.pause = min(2*s.pause, max(longestPause, k.period))
	}
	switch {
	case err == nil:
		k.lacks(name, false)
	case errors.Is(err, state.ErrNoScheduler):
		k.lacks(name, true)
	default:
		k.fail("try a scheduler", err)
	}
}

func (k *Known) lacks(name string, lacking bool) {
	if k.lacking[name] == lacking {
		return
	}
	k.lacking = maps.Clone(k.lacking)
	if lacking {
		k.lacking[name] = true
	} else {
		delete(k.lacking, name)
	}
}
