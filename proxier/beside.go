package proxier

import "context"

// errand is work that starts programs, which may take long and may hang. It is
// done beside the loop. What follows from it is done by the loop, between two
// passes, like a step of reading back: it tells what was not as we left it, and
// whether a pass is to follow.
type errand struct {
	action string
	do     func(context.Context) (then conclusion)
}

type conclusion func(context.Context) (drift map[string]int, pass bool)

// errands are done one at a time, in the order in which they were asked for.
type errands struct {
	waiting []errand // one of each action
	running bool
	done    chan conclusion
}

func newErrands() errands { return errands{done: make(chan conclusion, 1)} }

// send has an errand done. One that is asked for while the same one is at work is
// done once more: it may have looked too early.
func (e *errands) send(ctx context.Context, asked errand) {
	for _, w := range e.waiting {
		if w.action == asked.action {
			return
		}
	}
	e.waiting = append(e.waiting, asked)
	e.next(ctx)
}

func (e *errands) next(ctx context.Context) {
	if e.running || len(e.waiting) == 0 {
		return
	}
	first := e.waiting[0]
	e.waiting, e.running = e.waiting[1:], true
	go func() { e.done <- first.do(ctx) }()
}

// conclude does what follows from an errand, and begins the next.
func (e *errands) conclude(ctx context.Context, then conclusion) (drift map[string]int, pass bool) {
	e.running = false
	defer e.next(ctx)
	return then(ctx)
}

// end waits for the errand that is at work, which ends with the ctx of the loop.
func (e *errands) end() {
	if e.running {
		<-e.done
	}
}
