package background

import "context"

// Work is asked for by its Action: while one of an Action waits, another of the same
// Action is not added.
type Work struct {
	Action string
	Do     func(context.Context) Then
}

// Then is what follows from work, done by the loop like a step of reading back: it
// tells, by kind, how many objects were not as the daemon had left them, and whether
// a pass is to follow.
type Then func(context.Context) (drift map[string]int, pass bool)

// Queue belongs to the goroutine of the loop.
type Queue struct {
	waiting []Work
	running bool
	done    chan Then
}

// New returns a Queue of which nothing waits.
func New() *Queue { return &Queue{done: make(chan Then, 1)} }

// Send has work done, until ctx ends. What is asked for while the same is being done
// is done once more: it may have looked too early.
func (q *Queue) Send(ctx context.Context, asked Work) {
	for _, w := range q.waiting {
		if w.Action == asked.Action {
			return
		}
	}
	q.waiting = append(q.waiting, asked)
	q.next(ctx)
}

func (q *Queue) next(ctx context.Context) {
	if q.running || len(q.waiting) == 0 {
		return
	}
	first := q.waiting[0]
	q.waiting, q.running = q.waiting[1:], true
	go func() { q.done <- first.Do(ctx) }()
}

// Done has what follows from the work that is done; the loop gives it to Conclude.
func (q *Queue) Done() <-chan Then { return q.done }

// Conclude does what follows from work, and begins the next.
func (q *Queue) Conclude(ctx context.Context, then Then) (drift map[string]int, pass bool) {
	q.running = false
	defer q.next(ctx)
	return then(ctx)
}

// Wait returns when no work is being done any more. Its ctx has ended.
func (q *Queue) Wait() {
	if q.running {
		<-q.done
	}
}
